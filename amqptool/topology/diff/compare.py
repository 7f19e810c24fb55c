"""Two objects of one name, compared property by property, by typed value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.topology import arguments
from amqptool.topology.diff.plan import Difference
from amqptool.topology.diff.words import shown
from amqptool.topology.typed import typed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amqptool.message import FieldValue
    from amqptool.topology.argument import Scope
    from amqptool.topology.model import Exchange, Policy, Queue

#: The one argument that may be absent and still have a value: the vhost's default.
QUEUE_TYPE = "x-queue-type"


def exchange(before: Exchange, after: Exchange) -> tuple[Difference, ...]:
    """Compare two exchanges."""
    return (
        *_properties(before, after, "type", "durable", "auto_delete", "internal"),
        *_entries(before.arguments, after.arguments),
    )


def queue(before: Queue, after: Queue, wanted_type: str) -> tuple[Difference, ...]:
    """Compare two queues; `wanted_type` is the file's, or its vhost's default where the file says none.

    RabbitMQ 4.x writes the default into the arguments of what is declared without a type.
    """
    differences = _properties(before, after, "durable", "auto_delete")
    if wanted_type != before.type:
        differences = (*differences, Difference(QUEUE_TYPE, before.type, wanted_type))
    entries = _entries(before.arguments, after.arguments)
    return (*differences, *(each for each in entries if each.property != QUEUE_TYPE))


def policy(before: Policy, after: Policy) -> tuple[Difference, ...]:
    """Compare two policies; the keys of the definition stand beside the other properties."""
    return (
        *_properties(before, after, "pattern", "apply_to", "priority"),
        *_entries(before.definition, after.definition),
    )


def policy_instead(scope: Scope, differences: tuple[Difference, ...]) -> str:
    """Say which keys a policy could set without a replacement, if that would do for all differences.

    A policy adds what the arguments leave open and lowers limits; it neither raises nor removes them.
    """
    keys: dict[str, FieldValue] = {}
    for each in differences:
        argument = arguments.find(scope, each.property)
        if argument is None or not argument.in_policies or not _within_reach(each):
            return ""
        keys[argument.policy_key] = each.after
    named = ", ".join(f"{key}: {shown(value)}" for key, value in keys.items())
    return f"a policy with {named} would do, without replacing anything" if keys else ""


def _within_reach(difference: Difference) -> bool:
    before, after = difference.before, difference.after
    if after is None:
        return False
    return before is None or (type(before) is int and type(after) is int and after < before)


def _properties(before: object, after: object, *names: str) -> tuple[Difference, ...]:
    pairs = ((name, getattr(before, name), getattr(after, name)) for name in names)
    return tuple(Difference(name, was, wanted) for name, was, wanted in pairs if was != wanted)


def _entries(before: Mapping[str, FieldValue], after: Mapping[str, FieldValue]) -> Iterator[Difference]:
    if not before and not after:
        return
    for name in dict.fromkeys((*after, *before)):
        was, wanted = before.get(name), after.get(name)
        if (name in before) != (name in after) or typed(was) != typed(wanted):
            yield Difference(name, was, wanted)
