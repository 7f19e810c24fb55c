"""How ids and names are kept in stores."""

from __future__ import annotations

import re
from hashlib import blake2b

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def stored_id(message_id: str) -> bytes:
    """Return the 16 bytes as which an id is kept: those of a UUID, or the digest of any other text."""
    if _UUID.fullmatch(message_id):
        return bytes.fromhex(message_id.replace("-", ""))
    return blake2b(encoded(message_id), digest_size=16).digest()


def encoded(name: str) -> bytes:
    """Return the bytes of a name, which need not be UTF-8: that of a queue, or an argument of a command."""
    return name.encode("utf-8", "surrogateescape")


def decoded(name: bytes) -> str:
    """Return the name of which these are the bytes."""
    return name.decode("utf-8", "surrogateescape")
