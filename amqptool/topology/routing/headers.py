"""The bindings of a headers exchange: which headers count, and when two values are the same to RabbitMQ.

RabbitMQ compares decoded values without their AMQP types: a text equals a byte array of the same bytes, and an
array without items an empty table. A decimal keeps its zeros: 1.50 is not 1.5. Inside arrays and tables the types
count, and so does a table's order. A binding without a value (void) asks only for the header to be there. Release 3.13
made two things different: an integer no longer equals a float, and the broker counts a message's timestamp in
milliseconds but a binding's in seconds, so that no timestamp equals itself.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from amqptool.message import FarTimestamp
from amqptool.topology.problems import quoted
from amqptool.topology.routing.interface import MAX_CANDIDATES, NearMiss

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    from amqptool.message import FieldValue
    from amqptool.topology.model import Binding
    from amqptool.topology.routing.interface import Address

#: The release from which values are compared strictly.
STRICT_SINCE = (3, 13)

_MATCH = "x-match"
_ANY = frozenset({"any", "any-with-x"})
_WITH_X = frozenset({"all-with-x", "any-with-x"})

#: What a binding without a value asks for.
_PRESENT: Final = object()

# How AMQP marks the type of a value (RabbitMQ's table of field types).
_MARKS: tuple[tuple[type, str], ...] = (
    (bool, "t"), (FarTimestamp, "T"), (int, "l"), (float, "d"), (str, "S"), (bytes, "x"),
    (Decimal, "D"), (datetime, "T"), (list, "A"), (dict, "F"), (type(None), "V"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Rule:
    """A binding, ready to be compared."""

    binding: Binding
    any: bool
    wanted: Mapping[str, object]

    def matches(self, given: Mapping[str, Hashable]) -> bool:
        met = (name in given and value in (_PRESENT, given[name]) for name, value in self.wanted.items())
        return any(met) if self.any else all(met)


class HeadersIndex:
    """The bindings of a headers exchange."""

    def __init__(self, bindings: Iterable[Binding], rabbitmq: tuple[int, int]) -> None:
        self._strict = rabbitmq >= STRICT_SINCE
        self._rules = [self._rule(binding) for binding in bindings]

    def _rule(self, binding: Binding) -> _Rule:
        mode = str(binding.arguments.get(_MATCH, "all"))
        wanted = {
            name: _PRESENT if value is None else self._term(value)
            for name, value in binding.arguments.items()
            if name != _MATCH and (mode in _WITH_X or not name.startswith("x-"))
        }
        return _Rule(binding, mode in _ANY, wanted)

    def _term(self, value: FieldValue) -> Hashable:
        """Return a value that equals another if RabbitMQ, having decoded them, takes them for equal."""
        match value:
            case bool() | None:
                return "atom", value
            case float() if self._strict:
                return "float", value
            case str():
                return value.encode("utf-8", "surrogateescape")
            case datetime() | FarTimestamp():
                return _seconds(value)
            case Decimal():
                return "decimal", value.as_tuple()
            case list():
                return tuple((_mark(item), self._term(item)) for item in value)
            case dict():
                return tuple((key, _mark(item), self._term(item)) for key, item in value.items())
            case _:
                return value

    def _given(self, address: Address) -> dict[str, Hashable]:
        return {name: self._given_term(value) for name, value in address.headers.items()}

    def _given_term(self, value: FieldValue) -> Hashable:
        if self._strict and isinstance(value, (datetime, FarTimestamp)):
            return _seconds(value) * 1000
        return self._term(value)

    def matching(self, address: Address) -> list[Binding]:
        """Return the bindings that match the headers."""
        given = self._given(address)
        return [rule.binding for rule in self._rules if rule.matches(given)]

    def near(self, address: Address) -> list[NearMiss]:
        """Return bindings that do not match, with the headers in their way."""
        given = self._given(address)
        rules = self._rules[:MAX_CANDIDATES]
        return [_near(rule, given, address.headers) for rule in rules if not rule.matches(given)]


def _near(rule: _Rule, given: Mapping[str, Hashable], headers: Mapping[str, FieldValue]) -> NearMiss:
    wanted = rule.binding.arguments
    flaws = [
        _flaw(name, wanted[name], headers)
        for name, value in rule.wanted.items()
        if name not in given or value not in (_PRESENT, given[name])
    ]
    if not flaws:
        return NearMiss(rule.binding, "it asks for any of no headers, which nothing matches", 1)
    reasons = flaws[0] + (f" (and {len(flaws) - 1} more)" if len(flaws) > 1 else "")
    return NearMiss(rule.binding, reasons, 1 if rule.any else len(flaws))


def _flaw(name: str, wanted: FieldValue, headers: Mapping[str, FieldValue]) -> str:
    asked = "any value" if wanted is None else described(wanted)
    if name not in headers:
        return f"header {quoted(name)} is missing, {asked} is asked for"
    given = described(headers[name])
    if given == asked:  # timestamps
        return f"header {quoted(name)} is {given}, which RabbitMQ 3.13 and later find different from a binding's"
    return f"header {quoted(name)} is {given}, not {asked}"


def described(value: FieldValue) -> str:
    """Return a header's value with its type, for people."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return quoted(value)
        case datetime() | FarTimestamp():
            return f"the timestamp {_seconds(value)}"
        case int() | float():
            return f"the number {value}"
        case None:
            return "without a value"
        case _:
            return f"the {_NAMES[type(value)]} {quoted(str(value))}"


_NAMES: dict[type, str] = {bytes: "bytes", Decimal: "decimal", list: "list", dict: "table"}


def _seconds(value: datetime | FarTimestamp) -> int:
    return calendar.timegm(value.utctimetuple()) if isinstance(value, datetime) else int(value)


def _mark(value: FieldValue) -> str:
    return next(mark for kind, mark in _MARKS if isinstance(value, kind))
