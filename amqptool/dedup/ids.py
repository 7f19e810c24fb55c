"""How ids are kept where space and time count."""

from __future__ import annotations

import re
from hashlib import blake2b

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def stored_id(message_id: str) -> bytes:
    """Return the 16 bytes as which an id is kept: those of a UUID, or the digest of any other text."""
    if _UUID.fullmatch(message_id):
        return bytes.fromhex(message_id.replace("-", ""))
    return blake2b(message_id.encode("utf-8", "surrogateescape"), digest_size=16).digest()
