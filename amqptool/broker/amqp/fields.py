"""The values that pika 1.4 gets wrong, put right in its tables for the whole process.

It makes integers of floats, cannot send any, and loses the connection to a timestamp that Python cannot say, and to
arrays and tables within each other beyond some 900 levels. Large integers it shows as `1L`, and it cuts the zeros off a
decimal. A string that is no UTF-8 it gives as bytes, which go out as a byte array or not at all; with this it is text
with the bytes escaped (PEP 383). So what arrives goes out again as the same value of the same type; only integers go
out 32 or 64 bits wide and floats 64, whatever width they came in.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pika import data

from amqptool.message import LAST_SECOND, FarTimestamp

_NUMBERS = {b"f": struct.Struct(">f"), b"d": struct.Struct(">d"), b"l": struct.Struct(">q"), b"L": struct.Struct(">q")}
_TIMESTAMP = struct.Struct(">Q")
_LENGTH = struct.Struct(">I")
_ARRAY, _TABLE, _LONG_STRING = b"A", b"F", b"S"

_pikas_encode, _pikas_decode = data.encode_value, data.decode_value
_pikas_encode_short = data.encode_short_string


def teach_pika() -> None:
    """Let pika use the functions below, at any depth."""
    data.encode_value, data.decode_value = encode, decode
    data.encode_short_string, data.decode_short_string = encode_short_string, decode_short_string


def encode(pieces: list[bytes], value: Any) -> int:
    """Append an encoded field value to `pieces` and return its length."""
    encoded = _encoded(value)
    if encoded is None:
        return int(_pikas_encode(pieces, value))
    pieces.append(encoded)
    return len(encoded)


def _encoded(value: Any) -> bytes | None:
    """Return a value encoded, or None for one that pika can encode."""
    if isinstance(value, str):
        text = value.encode("utf-8", "surrogateescape")
        return _LONG_STRING + _LENGTH.pack(len(text)) + text
    if isinstance(value, float):
        return b"d" + _NUMBERS[b"d"].pack(value)
    if isinstance(value, FarTimestamp):
        return b"T" + _TIMESTAMP.pack(value)
    return _with_its_zeros(value) if isinstance(value, Decimal) else None


def _with_its_zeros(value: Decimal) -> bytes | None:
    """Return a decimal encoded, or None where pika's shorter form is needed for it to fit."""
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or not -255 <= exponent <= 0 or value.adjusted() > 9:
        return None
    number = int(value.scaleb(-exponent))
    return b"D" + struct.pack(">Bi", -exponent, number) if -(2**31) <= number < 2**31 else None


def decode(encoded: bytes, offset: int) -> tuple[Any, int]:
    """Return the field value at `offset`, and the offset after it."""
    kind = encoded[offset : offset + 1]
    if kind == _LONG_STRING:
        start = offset + 1 + _LENGTH.size
        end = start + _length(encoded, offset + 1)
        return _text(encoded[start:end]), end
    if kind in _NUMBERS:
        number = _NUMBERS[kind]
        return number.unpack_from(encoded, offset + 1)[0], offset + 1 + number.size
    if kind == b"T":
        return _timestamp(_TIMESTAMP.unpack_from(encoded, offset + 1)[0]), offset + 1 + _TIMESTAMP.size
    if kind in (_ARRAY, _TABLE):
        return _decode_nested(encoded, offset)
    value, end = _pikas_decode(encoded, offset)
    return value, int(end)


def encode_short_string(pieces: list[bytes], value: str | bytes) -> int:
    """Append a short string to `pieces` and return its length with its length byte."""
    encoded = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    return int(_pikas_encode_short(pieces, encoded))


def decode_short_string(encoded: bytes, offset: int) -> tuple[str, int]:
    """Return the short string at `offset`, and the offset after it."""
    start = offset + 1
    end = start + encoded[offset]
    return _text(encoded[start:end]), end


def _decode_nested(encoded: bytes, offset: int) -> tuple[Any, int]:
    """Decode an array or a table: by a loop, since the depth is the publisher's choice."""
    whole, offset, end = _open(encoded, offset)
    unfinished = [(whole, end)]
    while unfinished:
        container, end = unfinished[-1]
        if offset >= end:
            unfinished.pop()
            continue
        name = None
        if isinstance(container, dict):
            name, offset = decode_short_string(encoded, offset)
        if encoded[offset : offset + 1] in (_ARRAY, _TABLE):
            value, offset, end = _open(encoded, offset)
            unfinished.append((value, end))
        else:
            value, offset = decode(encoded, offset)
        if isinstance(container, dict):
            container[name] = value
        else:
            container.append(value)
    return whole, offset


def _open(encoded: bytes, offset: int) -> tuple[Any, int, int]:
    """Return an empty array or table, where its contents begin, and where they end."""
    container: Any = [] if encoded[offset : offset + 1] == _ARRAY else {}
    start = offset + 1 + _LENGTH.size
    return container, start, start + _length(encoded, offset + 1)


def _length(encoded: bytes, offset: int) -> int:
    return int(_LENGTH.unpack_from(encoded, offset)[0])


def _text(encoded: bytes) -> str:
    return encoded.decode("utf-8", "surrogateescape")


def _timestamp(seconds: int) -> datetime | FarTimestamp:
    return datetime.fromtimestamp(seconds, UTC) if seconds <= LAST_SECOND else FarTimestamp(seconds)
