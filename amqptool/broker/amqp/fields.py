"""The values that pika 1.4 gets wrong, put right in its tables for the whole process.

It makes integers of floats, cannot send any, and loses the connection to a timestamp that Python cannot say. A short
string (a routing key, a header's name) that is no UTF-8 it gives as bytes; with this it is text with the bytes
escaped (PEP 383). So what arrives goes out again as the same value. (Integers go out 32 or 64 bits wide, whatever
width they came in, and a header's text that is no UTF-8 goes out as a byte array.)
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import Any

from pika import data

from amqptool.message import LAST_SECOND, FarTimestamp

_FLOATS = {b"f": struct.Struct(">f"), b"d": struct.Struct(">d")}
_TIMESTAMP = struct.Struct(">Q")

_pikas_encode, _pikas_decode = data.encode_value, data.decode_value
_pikas_encode_short, _pikas_decode_short = data.encode_short_string, data.decode_short_string


def teach_pika() -> None:
    """Let pika use the functions below, at any depth."""
    data.encode_value, data.decode_value = encode, decode
    data.encode_short_string, data.decode_short_string = encode_short_string, decode_short_string


def encode(pieces: list[bytes], value: Any) -> int:
    """Append an encoded field value to `pieces` and return its length."""
    if isinstance(value, float):
        pieces.append(struct.pack(">cd", b"d", value))
        return 9
    if isinstance(value, FarTimestamp):
        pieces.append(struct.pack(">cQ", b"T", value))
        return 9
    return int(_pikas_encode(pieces, value))


def decode(encoded: bytes, offset: int) -> tuple[Any, int]:
    """Return the field value at `offset`, and the offset after it."""
    kind = encoded[offset : offset + 1]
    if kind in _FLOATS:
        number = _FLOATS[kind]
        return number.unpack_from(encoded, offset + 1)[0], offset + 1 + number.size
    if kind == b"T":
        return _timestamp(_TIMESTAMP.unpack_from(encoded, offset + 1)[0]), offset + 1 + _TIMESTAMP.size
    value, end = _pikas_decode(encoded, offset)
    return value, int(end)


def encode_short_string(pieces: list[bytes], value: str | bytes) -> int:
    """Append a short string to `pieces` and return its length with its length byte."""
    encoded = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    return int(_pikas_encode_short(pieces, encoded))


def decode_short_string(encoded: bytes, offset: int) -> tuple[str, int]:
    """Return the short string at `offset`, and the offset after it."""
    value, end = _pikas_decode_short(encoded, offset)
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value, int(end)


def _timestamp(seconds: int) -> datetime | FarTimestamp:
    return datetime.fromtimestamp(seconds, UTC) if seconds <= LAST_SECOND else FarTimestamp(seconds)
