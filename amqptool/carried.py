"""What AMQP 0-9-1 can carry: whether a message can be published, and if not, which field is at fault."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from itertools import chain
from math import isfinite
from types import NoneType
from typing import TYPE_CHECKING, Any

from amqptool.errors import InputError
from amqptool.message import PROPERTIES, FarTimestamp

if TYPE_CHECKING:
    from amqptool.message import FieldValue, Message

#: Levels of lists and tables within each other, with the outermost table. Whatever works on them takes two calls or
#: more for each, of Python's 1000, and RabbitMQ has no bound.
MAX_DEPTH = 256

_MILLISECONDS = re.compile(r"[0-9]{1,18}")
_NUMBERS = ("priority", "timestamp")
#: Bytes of a short string (AMQP 0-9-1 section 4.2.5.3) in UTF-8, as names and routing keys are.
MAX_SHORT_STRING = 255
#: AMQP carries each of these as a short string.
SHORT_STRINGS = ("exchange", "routing_key", *(name for name in PROPERTIES if name not in _NUMBERS))
_ALWAYS_THERE = ("exchange", "routing_key")
_NOT_UNICODE = "is not valid Unicode text"


def check_message(message: Message) -> None:
    """Check that AMQP can carry a message.

    Raises:
        InputError: it cannot; the text names the first field at fault.
    """
    if not isinstance(message.body, bytes):
        raise InputError(f"the body must be bytes, not {type(message.body).__name__}")
    for name in SHORT_STRINGS:
        value = getattr(message, name)
        if (value is not None or name in _ALWAYS_THERE) and (fault := _short_string_fault(value)):
            raise InputError(f"{name} {fault}")
    _check_range("priority", message.priority, 255)
    _check_range("timestamp", message.timestamp, 2**64 - 1)
    if message.expiration is not None and not _MILLISECONDS.fullmatch(message.expiration):
        raise InputError("expiration must be a number of milliseconds, written as text")
    if message.headers:
        _check_headers(message.headers)


def _check_headers(headers: Mapping[str, FieldValue]) -> None:
    if not isinstance(headers, Mapping):
        raise InputError(f"the headers must be a mapping, not {type(headers).__name__}")
    if is_too_deep([*headers.values()]):
        raise InputError(f"the headers are nested too deeply: more than {MAX_DEPTH} levels")
    for key, value in headers.items():
        _check_field((key,), value)


def is_too_deep(value: Any) -> bool:
    """Whether a value has more than `MAX_DEPTH` levels of lists and tables, with itself."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        containers = [
            each.values() if isinstance(each, dict) else each for each in level if isinstance(each, (dict, list))
        ]
        if not containers:
            return False
        level = list(chain.from_iterable(containers))
    return True


def _check_range(name: str, value: int | None, highest: int) -> None:
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= highest:
        raise InputError(f"{name} must be a whole number from 0 to {highest}")


def _check_field(path: tuple[str, ...], value: FieldValue) -> None:
    """Check a header, or a value within it, by the names that lead to it."""
    if fault := _short_string_fault(path[-1]):
        raise InputError(f"the name of {_named(path)} {fault}")
    if isinstance(value, dict):
        for inner, item in value.items():
            _check_field((*path, inner), item)
    elif isinstance(value, list):
        for item in value:
            _check_field(path, item)
    elif fault := _value_fault(value):
        raise InputError(f"{_named(path)} {fault}")


def _named(path: tuple[str, ...]) -> str:
    header, *inner = path
    return "".join([f"header {header!r}", *(f", key {key!r}" for key in inner)])


def _short_string_fault(value: object) -> str | None:
    if not isinstance(value, str):
        return f"must be text, not {type(value).__name__}"
    size = _size(value)
    if size is None:
        return _NOT_UNICODE
    return f"is longer than AMQP's {MAX_SHORT_STRING} bytes" if size > MAX_SHORT_STRING else None


def _value_fault(value: object) -> str | None:
    """Return what keeps AMQP from carrying a value that holds no others, in words that follow its name."""
    if isinstance(value, str):
        return _NOT_UNICODE if _size(value) is None else None
    if isinstance(value, int):
        return _integer_fault(value)
    if isinstance(value, float):
        return None if isfinite(value) else f"is {value}, which is no number to the broker"
    if isinstance(value, datetime):
        return _datetime_fault(value)
    if isinstance(value, Decimal):
        fits = fits_decimal(value)
        return None if fits else "does not fit AMQP's decimals: a 32-bit number with up to 255 decimals"
    is_carried = isinstance(value, (bytes, NoneType))
    return None if is_carried else f"has a type that AMQP does not carry: {type(value).__name__}"


def _datetime_fault(value: datetime) -> str | None:
    try:
        is_early = value.utctimetuple().tm_year < 1970
    except OverflowError:
        return "is no time of the years 1970 to 9999 in UTC"
    return "is before 1970, when AMQP's timestamps begin" if is_early else None


def _integer_fault(value: int) -> str | None:
    if isinstance(value, FarTimestamp):
        return None if 0 <= value < 2**64 else "does not fit AMQP's 64-bit timestamps"
    return None if -(2**63) <= value < 2**63 else "does not fit AMQP's 64-bit integers"


def decimal_places(plain: Decimal) -> int:
    """Return how many digits of a decimal without zeros at its end stand behind the point."""
    return max(0, len(plain.as_tuple().digits) - 1 - plain.adjusted())


def fits_decimal(value: Decimal) -> bool:
    """Return whether AMQP carries a decimal: as a 32-bit number, and how many of its digits stand behind the point."""
    if not value.is_finite() or value.adjusted() > 9:
        return False
    plain = value.normalize()
    decimals = decimal_places(plain)
    return plain == value and decimals < 256 and -(2**31) <= plain.scaleb(decimals) < 2**31


def _size(text: str) -> int | None:
    """Return how many bytes a text is in UTF-8, or None if it cannot be."""
    if text.isascii():
        return len(text)
    try:
        # Bytes that are no UTF-8 stand escaped in the text (PEP 383), as the seam reads and writes them.
        return len(text.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return None
