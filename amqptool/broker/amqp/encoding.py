"""Field values (AMQP 0-9-1 section 4.2.5) as bytes.

Integers go out 32 or 64 bits wide and floats 64. Text may have bytes escaped in it that are no UTF-8 (PEP 383).
"""

from __future__ import annotations

import struct
from calendar import timegm
from datetime import datetime
from decimal import Decimal
from math import isfinite
from types import NoneType
from typing import TYPE_CHECKING, Any

from pika.exceptions import ShortStringTooLong, UnsupportedAMQPFieldException

from amqptool.carried import MAX_SHORT_STRING, decimal_places, fits_decimal, is_too_deep
from amqptool.message import FarTimestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_LENGTH = struct.Struct(">I")
_KIND_AND_LENGTH = struct.Struct(">cI")
_INT, _LONG_INT, _DOUBLE = struct.Struct(">ci"), struct.Struct(">cq"), struct.Struct(">cd")
_DECIMAL, _TIMESTAMP, _BOOLEAN = struct.Struct(">cBi"), struct.Struct(">cQ"), struct.Struct(">c?")


def encode_short_string(text: str) -> bytes:
    """Encode a short string, for which nothing but text is taken: bytes would come back as text.

    Raises:
        ShortStringTooLong: it has more than 255 bytes.
        AttributeError: it is no text.
    """
    encoded = text.encode("utf-8", "surrogateescape")
    if len(encoded) > MAX_SHORT_STRING:
        raise ShortStringTooLong(encoded)
    return bytes((len(encoded),)) + encoded


def encode_headers(headers: Mapping[str, Any]) -> bytes:
    """Encode the headers of a message, which is refused for what `check_message` refuses it.

    Raises:
        Exception: one of `ENCODING_ERRORS`; AMQP cannot carry them.
    """
    if is_too_deep([*headers.values()]):
        raise ValueError("nested too deeply")
    return encode_table(headers)


def encode_table(table: Mapping[str, Any]) -> bytes:
    """Encode a table, without the byte that says that it is one.

    Raises:
        ShortStringTooLong: the name of a field has more than 255 bytes.
        UnsupportedAMQPFieldException: AMQP has no values of such a type.
        struct.error: a number is too large, or a time before 1970.
        ValueError: a number is none, or a decimal does not fit, or a text is no Unicode.
    """
    pieces: list[bytes] = []
    for name, value in table.items():
        pieces += encode_short_string(name), encode_value(value)
    encoded = b"".join(pieces)
    return _LENGTH.pack(len(encoded)) + encoded


def encode_value(value: Any) -> bytes:
    """Encode a field value, with the byte that says what it is; see `encode_table` for the errors."""
    encode = _ENCODERS.get(type(value)) or _encoder_of_base(value)
    return encode(value)


def _encoder_of_base(value: Any) -> Callable[[Any], bytes]:
    for kind, encode in _ENCODERS.items():
        if isinstance(value, kind):
            return encode
    raise UnsupportedAMQPFieldException([], value)


def _text(value: str) -> bytes:
    encoded = value.encode("utf-8", "surrogateescape")
    return _KIND_AND_LENGTH.pack(b"S", len(encoded)) + encoded


def _byte_array(value: bytes) -> bytes:
    return _KIND_AND_LENGTH.pack(b"x", len(value)) + value


def _boolean(value: bool) -> bytes:
    return _BOOLEAN.pack(b"t", value)


def _integer(value: int) -> bytes:
    return _INT.pack(b"I", value) if -(2**31) <= value < 2**31 else _LONG_INT.pack(b"l", value)


def _float(value: float) -> bytes:
    if not isfinite(value):
        raise ValueError(value)
    return _DOUBLE.pack(b"d", value)


def _decimal(value: Decimal) -> bytes:
    """Encode a decimal with its zeros, or without them where that is needed for it to fit."""
    if not fits_decimal(value):  # asked first: to write some out takes for ever
        raise ValueError(value)
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and -255 <= exponent <= 0 and value.adjusted() <= 9:
        number = int(value.scaleb(-exponent))
        if -(2**31) <= number < 2**31:
            return _DECIMAL.pack(b"D", -exponent, number)
    shorter = value.normalize()
    decimals = decimal_places(shorter)
    return _DECIMAL.pack(b"D", decimals, int(shorter.scaleb(decimals)))


def _timestamp(value: datetime) -> bytes:
    return _TIMESTAMP.pack(b"T", timegm(value.utctimetuple()))


def _far_timestamp(value: FarTimestamp) -> bytes:
    return _TIMESTAMP.pack(b"T", value)


def _table(value: Mapping[str, Any]) -> bytes:
    return b"F" + encode_table(value)


def _array(value: Sequence[Any]) -> bytes:
    encoded = b"".join([encode_value(each) for each in value])
    return _KIND_AND_LENGTH.pack(b"A", len(encoded)) + encoded


def _nothing(_: None) -> bytes:
    return b"V"


#: By type, and by the first that it is derived from.
_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    str: _text,
    bytes: _byte_array,
    bool: _boolean,
    FarTimestamp: _far_timestamp,
    int: _integer,
    float: _float,
    Decimal: _decimal,
    datetime: _timestamp,
    dict: _table,
    list: _array,
    NoneType: _nothing,
}
