"""Arguments as people write them: known ones in shorthand, with durations and sizes; the rest as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool import units
from amqptool.topology import arguments

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amqptool.message import FieldValue
    from amqptool.topology.argument import Argument, Kind, Scope

# What an argument must be to stand in shorthand; RabbitMQ refuses anything else, and so will who reads it.
_TYPES: dict[Kind, type] = {"integer": int, "milliseconds": int, "bytes": int, "boolean": bool}
_MEASURES: dict[Kind, Callable[[int], str]] = {"milliseconds": units.duration, "bytes": units.size}
#: More than anybody means, and than is read with a unit.
_READABLE = 10**15


def shorthand(scope: Scope, table: Mapping[str, FieldValue]) -> tuple[dict[str, object], dict[str, FieldValue]]:
    """Return the arguments that have shorthand, as it is written and in one order, and the others as they are."""
    short = {
        known.key: _measured(known, table[known.name])
        for known in arguments.of(scope)
        if known.name in table and _fits(known, table[known.name])
    }
    return short, {name: value for name, value in table.items() if not _has_shorthand(scope, name, value)}


def _has_shorthand(scope: Scope, name: str, value: FieldValue) -> bool:
    known = arguments.find(scope, name)
    return known is not None and _fits(known, value)


def _fits(known: Argument, value: FieldValue) -> bool:
    """Return whether a value has its argument's type; true is no integer, though Python says so."""
    return type(value) is _TYPES.get(known.kind, str)


def _measured(known: Argument, value: FieldValue) -> object:
    if type(value) is not int or not 0 < value < _READABLE:
        return value
    return _MEASURES[known.kind](value) if known.kind in _MEASURES else value
