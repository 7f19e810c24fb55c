"""The tree that a file is read into: scalars, sequences and mappings, each with its place.

The schema of scalars is our own, because the readers of YAML 1.1 and 1.2 disagree and RabbitMQ compares
arguments by type: `true`, `false`, `null` and plain decimal numbers are what they look like, everything
else is text. Text that some other reader takes for a number or a boolean (`010`, `1e3`, `no`) has a
`Surprise`, and whoever reads the scalar decides whether it matters there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, ClassVar, TypeAlias

if TYPE_CHECKING:
    from amqptool.topology.model import Place

ScalarValue: TypeAlias = "str | int | float | bool | None"

#: AMQP 0-9-1 has no wider integer than a signed 64-bit one.
MAX_INTEGER = 2**63 - 1

_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "true": True, "false": False}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,18})")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,30})\.[0-9]{1,30}")
_NUMBER_START = frozenset("+-.0123456789")
_NUMBER_LIKE = re.compile(
    r"[-+]?(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|\.(?:inf|Inf|INF|nan|NaN|NAN)"
    r"|(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?)"
)
# YAML 1.1 counts 12:30 to the base of 60, and makes dates of dates.
_TIME_LIKE = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_DATE_LIKE = re.compile(
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
    r"(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::?[0-9]{2})?))?)?"
)
_BOOLEAN_LIKE = re.compile(r"yes|no|on|off|true|false", re.IGNORECASE)
#: Beyond this a number is not worth converting for a hint.
_MAX_HINT = 40


@dataclass(frozen=True, slots=True)
class Surprise:
    """What other readers may take a text for, and how to write that plainly (where there is a way)."""

    kind: str
    plain: str | None


@dataclass(slots=True, eq=False)
class Scalar:
    """A text, a number, a boolean or nothing."""

    weight: ClassVar[int] = 1
    height: ClassVar[int] = 0

    place: Place
    text: str
    value: ScalarValue
    #: Written without quotes.
    plain: bool
    #: As it stands in the file, if it has variables; messages show this, not what the variables stand for.
    template: str | None = None

    @property
    def surprise(self) -> Surprise | None:
        """What other readers may take this scalar for, if it is not what we take it for."""
        return surprise(self.text) if self.plain and isinstance(self.value, str) else None


@dataclass(slots=True, eq=False)
class Sequence:
    """A list."""

    place: Place
    #: Nodes at and under this one, aliases expanded; and levels under it.
    weight: int = 1
    height: int = 1
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Mapping:
    """Keys and values, in order; keys are compared as text."""

    place: Place
    weight: int = 1
    height: int = 1
    entries: dict[str, tuple[Scalar, Node]] = field(default_factory=dict)


Node: TypeAlias = Scalar | Sequence | Mapping


def resolve(text: str) -> ScalarValue:
    """Return what a plain (unquoted, untagged) scalar stands for."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_START:
        return text
    if _INTEGER.fullmatch(text):
        return number if abs(number := int(text)) <= MAX_INTEGER else text
    return float(text) if _FLOAT.fullmatch(text) else text


def surprise(text: str) -> Surprise | None:
    """Return what a YAML 1.1 or 1.2 reader may take this plain text for."""
    if _BOOLEAN_LIKE.fullmatch(text):
        return Surprise("boolean", "true" if text.lower() in {"yes", "on", "true"} else "false")
    if text in {"Null", "NULL"}:
        return Surprise("null", "null")
    if _TIME_LIKE.fullmatch(text) or _DATE_LIKE.fullmatch(text):
        return Surprise("time", None)
    return Surprise("number", _plain_number(text)) if _NUMBER_LIKE.fullmatch(text) else None


def _plain_number(text: str) -> str | None:
    digits = text.replace("_", "")
    if len(digits) > _MAX_HINT:
        return None
    number = _number(digits)
    if not isfinite(number) or abs(number) > MAX_INTEGER:
        return None
    return str(int(number)) if number == int(number) else f"{number:.15f}".rstrip("0")


def _number(digits: str) -> float:
    for base in (10, 0):
        try:
            return int(digits, base)
        except ValueError:
            continue
    try:
        return float(digits)
    except ValueError:  # .inf and .nan
        return float("nan")
