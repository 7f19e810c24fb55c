"""One policy from its entry in the file, in shorthand and in RabbitMQ's list form."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from amqptool.topology.file import reading
from amqptool.topology.file.reading import Fields
from amqptool.topology.file.tables import Table
from amqptool.topology.model import ApplyTo, Policy

if TYPE_CHECKING:
    from amqptool.topology.file.entries import Entry
    from amqptool.topology.problems import Problems

_APPLY_TO: dict[str, ApplyTo] = {word: word for word in get_args(ApplyTo)}


def policy(entry: Entry, problems: Problems) -> Policy | None:
    """Read a policy; None if something that it needs is missing."""
    fields = Fields(entry.mapping, problems)
    pattern = fields.need("pattern", reading.text, entry.called)
    as_table = reading.exported_table if entry.exported else reading.mapping
    definition = fields.need("definition", as_table, entry.called)
    table = Table("policy", problems, exported=entry.exported)
    if definition is not None:
        table.read_definition(definition)
    read = Policy(
        name=entry.name or "",
        pattern=pattern or "",
        definition=table.values,
        apply_to=_apply_to(fields),
        priority=fields.take("priority", reading.integer, 0),
        vhost=fields.take("vhost", reading.name, None),
        place=entry.place,
    )
    fields.refuse_others(entry.called, entry.left_alone)
    return None if None in (entry.name, pattern, definition) else read


def _apply_to(fields: Fields) -> ApplyTo:
    """Take what the policy applies to, in our spelling or in RabbitMQ's; two must agree."""
    read = reading.one_of(tuple(_APPLY_TO))
    found = [fields.take(key, read, "all") for key in ("apply_to", "apply-to") if key in fields.mapping.entries]
    for key in ("apply_to", "apply-to"):
        fields.node(key)
    if len(set(found)) > 1:
        fields.problems.add(fields.mapping.place, "apply_to and apply-to are both given, and differ", "duplicate")
    return _APPLY_TO[found[0]] if found else "all"
