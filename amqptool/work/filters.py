"""Conditions on messages, as a person writes them: `routing_key=publish.*`, `header.platform!=web`.

=======================================================  ==============================================
field                                                    value
=======================================================  ==============================================
`routing_key`                                            a topic pattern: `*` one word, `#` any number
`exchange type message_id app_id correlation_id`         text, in which `*` is any characters
`header.NAME`                                            the same, of the text of a number or boolean too
=======================================================  ==============================================

What a message does not have equals nothing, not even `*`: `header.x-death=*` holds if the header is there, and
`header.x-death!=*` if it is not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from amqptool.errors import InputError
from amqptool.topology.routing.words import matches, split

if TYPE_CHECKING:
    from amqptool.message import FieldValue, Message

_TEXTS = ("exchange", "type", "message_id", "app_id", "correlation_id")
_HEADER = "header."
_KNOWN = ("routing_key", *_TEXTS, f"{_HEADER}NAME")
_EXPRESSION = re.compile(r"(?P<field>[^=]+?)(?P<operator>!?=)(?P<value>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Condition:
    """What a field of a message has to be, or with `negated` must not be."""

    field: str
    value: str
    negated: bool = False

    @classmethod
    def parse(cls, expression: str) -> Condition:
        """Read `FIELD=VALUE` or `FIELD!=VALUE`.

        Raises:
            InputError: it is neither, or there is no such field.
        """
        match = _EXPRESSION.fullmatch(expression)
        if match is None:
            raise InputError(f"{expression!r} is no condition: write FIELD=VALUE or FIELD!=VALUE")
        field = match["field"]
        if not _is_field(field):
            raise InputError(f"there is no field {field!r} to compare; known are {', '.join(_KNOWN)}")
        return cls(field, match["value"], negated=match["operator"] == "!=")

    def holds(self, message: Message) -> bool:
        """Return whether it holds for a message."""
        text = _text_of(message, self.field)
        return (text is not None and self._equals(text)) != self.negated

    def _equals(self, text: str) -> bool:
        if self.field == "routing_key":
            return matches(split(self.value), split(text))
        return _fits(self.value, text)


def _is_field(field: str) -> bool:
    if field.startswith(_HEADER):
        return field != _HEADER
    return field == "routing_key" or field in _TEXTS


def _text_of(message: Message, field: str) -> str | None:
    if not field.startswith(_HEADER):
        text: str | None = getattr(message, field)
        return text
    name = field.removeprefix(_HEADER)
    return _as_text(message.headers[name]) if name in message.headers else None


def _as_text(value: FieldValue) -> str:
    match value:
        case str() | int() | float() | Decimal():
            return str(value).lower() if isinstance(value, bool) else str(value)
        case bytes():
            return value.decode("utf-8", "surrogateescape")
        case datetime():
            return value.isoformat()
        case _:
            return ""  # nothing, or a table or an array, which only `*` equals


def _fits(pattern: str, text: str) -> bool:
    """Compare a text with a pattern, in time that grows with its length only, whoever wrote it."""
    head, *parts = pattern.split("*")
    if not parts:
        return text == pattern
    *middle, tail = parts
    at = len(head) if text.startswith(head) else -1
    for part in middle:
        if at >= 0 and (at := text.find(part, at)) >= 0:
            at += len(part)
    return 0 <= at <= len(text) - len(tail) and text.endswith(tail)
