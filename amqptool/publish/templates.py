"""Placeholders in texts, filled anew for each message.

`{{count}}` is the message's number from 1, `{{uuid}}` a new UUID, `{{now}}` the time in UTC (ISO 8601), and
`{{random 1 100}}` a whole number between two, both included. `{{{{` stands for `{{` itself; `}}` needs no such care.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

from amqptool.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from random import Random

    from amqptool.message import FieldValue

_OPEN = "{{"
_ESCAPED = _OPEN * 2
_PLACEHOLDER = re.compile(r"(\{\{\{\{)|\{\{(.*?)\}\}|\{\{", re.DOTALL)
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
_KNOWN = "{{count}}, {{uuid}}, {{now}} and {{random 1 100}}"


@dataclass(frozen=True, slots=True)
class Filling:
    """What one message's placeholders are filled with."""

    count: int
    now: datetime
    chance: Random


_Piece: TypeAlias = "Callable[[Filling], str]"


class Template:
    """A text with placeholders.

    Raises:
        InputError: it has a placeholder that does not exist, or one that is never closed.
    """

    def __init__(self, text: str) -> None:
        self._pieces = tuple(_pieces(text))

    def fill(self, filling: Filling) -> str:
        """Return the text for one message."""
        return "".join([piece if isinstance(piece, str) else piece(filling) for piece in self._pieces])


def field_template(value: FieldValue) -> Callable[[Filling], FieldValue]:
    """Return what fills the placeholders in a header's value, at any depth.

    Raises:
        InputError: a text in it has a bad placeholder.
    """
    if isinstance(value, str):
        return Template(value).fill
    if isinstance(value, list):
        items = [field_template(item) for item in value]
        return lambda filling: [item(filling) for item in items]
    if isinstance(value, dict):
        table = {key: field_template(item) for key, item in value.items()}
        return lambda filling: {key: item(filling) for key, item in table.items()}
    return lambda _: value


def _pieces(text: str) -> Iterator[str | _Piece]:
    end = 0
    for match in _PLACEHOLDER.finditer(text):
        yield text[end : match.start()]
        yield _OPEN if match[1] else _placeholder(match[2])
        end = match.end()
    yield text[end:]


def _placeholder(words: str | None) -> _Piece:
    if words is None:
        raise InputError(f"a '{_OPEN}' that no '}}}}' closes; '{_ESCAPED}' stands for '{_OPEN}' itself")
    match words.split():
        case ["count"]:
            return lambda filling: str(filling.count)
        case ["uuid"]:
            return lambda filling: str(UUID(int=filling.chance.getrandbits(128), version=4))
        case ["now"]:
            return lambda filling: filling.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case ["random", low, high]:
            return _random(low, high)
    raise InputError(
        f"unknown placeholder '{{{{{words}}}}}'; known are {_KNOWN}, and '{_ESCAPED}' stands for '{_OPEN}' itself"
    )


def _random(low: str, high: str) -> _Piece:
    if not (_WHOLE_NUMBER.fullmatch(low) and _WHOLE_NUMBER.fullmatch(high)) or int(low) > int(high):
        raise InputError(f"'{{{{random {low} {high}}}}}' needs two whole numbers, the lower one first")
    bounds = int(low), int(high)
    return lambda filling: str(filling.chance.randint(*bounds))
