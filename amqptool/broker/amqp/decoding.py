"""Field values (AMQP 0-9-1 section 4.2.5) out of bytes; a string that is no UTF-8 is text with escapes (PEP 383)."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pika import data

from amqptool.message import LAST_SECOND, FarTimestamp

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    #: Takes bytes, and where in them a value begins, and returns the value, and where it ends.
    Decoder: TypeAlias = Callable[[bytes, int], tuple[Any, int]]

_LENGTH = struct.Struct(">I")
_TIMESTAMP = struct.Struct(">Q")
_ARRAY, _TABLE = b"AF"
_pikas_decode = data.decode_value


def decode_short_string(encoded: bytes, offset: int) -> tuple[str, int]:
    """Return the short string at `offset`, and the offset after it."""
    start = offset + 1
    end = start + encoded[offset]
    return encoded[start:end].decode("utf-8", "surrogateescape"), end


def decode_table(encoded: bytes, offset: int) -> tuple[dict[str, Any], int]:
    """Return the table at `offset`, which has no byte that says that it is one, and the offset after it.

    Raises:
        Exception: of many kinds; it is no table.
    """
    table: dict[str, Any] = {}
    return table, _fill(table, encoded, *_span(encoded, offset))


def decode_value(encoded: bytes, offset: int) -> tuple[Any, int]:
    """Return the field value at `offset`, and the offset after it; see `decode_table` for the errors."""
    container = _container(encoded[offset])
    if container is None:
        return _decode_plain(encoded, offset)
    return container, _fill(container, encoded, *_span(encoded, offset + 1))


def _fill(container: Any, encoded: bytes, offset: int, end: int) -> int:
    """Fill an array or a table, by a loop, since the depth is the publisher's choice; return where it ended."""
    unfinished: list[tuple[Any, int]] = []
    while offset < end or unfinished:
        if offset >= end:
            container, end = unfinished.pop()
            continue
        name = None
        if isinstance(container, dict):
            name, offset = decode_short_string(encoded, offset)
        value = inner = _container(encoded[offset])
        if inner is None:
            value, offset = _decode_plain(encoded, offset)
        if name is None:
            container.append(value)
        else:
            container[name] = value
        if inner is not None:
            unfinished.append((container, end))
            container, (offset, end) = inner, _span(encoded, offset + 1)
    return offset


def _span(encoded: bytes, offset: int) -> tuple[int, int]:
    """Return where what has its length at `offset` begins, and where it ends."""
    start = offset + _LENGTH.size
    return start, start + _LENGTH.unpack_from(encoded, offset)[0]


def _container(kind: int) -> Any:
    """Return an empty array or table; None for any other kind of value."""
    if kind == _TABLE:
        return {}
    return [] if kind == _ARRAY else None


def _decode_plain(encoded: bytes, offset: int) -> tuple[Any, int]:
    decode = _DECODERS.get(encoded[offset])
    return _pikas_decode(encoded, offset) if decode is None else decode(encoded, offset + 1)


def _long_string(encoded: bytes, offset: int) -> tuple[str, int]:
    start, end = _span(encoded, offset)
    return encoded[start:end].decode("utf-8", "surrogateescape"), end


def _timestamp(encoded: bytes, offset: int) -> tuple[datetime | FarTimestamp, int]:
    [seconds] = _TIMESTAMP.unpack_from(encoded, offset)
    when = datetime.fromtimestamp(seconds, UTC) if seconds <= LAST_SECOND else FarTimestamp(seconds)
    return when, offset + _TIMESTAMP.size


def _number(layout: str) -> Decoder:
    number = struct.Struct(layout)

    def decode(encoded: bytes, offset: int) -> tuple[Any, int]:
        return number.unpack_from(encoded, offset)[0], offset + number.size

    return decode


#: What is met often, and what pika gets wrong; the rest is its.
_DECODERS: dict[int, Decoder] = {
    ord("S"): _long_string,
    ord("T"): _timestamp,
    ord("I"): _number(">i"),
    ord("l"): _number(">q"),
    ord("L"): _number(">q"),
    ord("f"): _number(">f"),
    ord("d"): _number(">d"),
}
