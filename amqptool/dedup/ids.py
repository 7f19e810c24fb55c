"""How ids are kept where space and time count."""

from __future__ import annotations

import re

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def stored_id(message_id: str) -> str | bytes:
    """Return an id as it is kept: a UUID as its 16 bytes, anything else as it is."""
    return bytes.fromhex(message_id.replace("-", "")) if _UUID.fullmatch(message_id) else message_id
