"""Comparing values as RabbitMQ does: by type too, so that 1, true, "1" and 1.0 are four things."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from amqptool.message import FieldValue


def typed(value: FieldValue) -> Hashable:
    """Return a value that equals another only if both mean the same to RabbitMQ."""
    if isinstance(value, dict):
        return frozenset((name, typed(item)) for name, item in value.items())
    if isinstance(value, list):
        return tuple(typed(item) for item in value)
    return type(value), value


def typed_table(table: Mapping[str, FieldValue]) -> Hashable:
    """Return the same for a table of arguments; None for the empty one."""
    return frozenset((name, typed(value)) for name, value in table.items()) if table else None
