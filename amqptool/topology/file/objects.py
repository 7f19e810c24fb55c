"""One exchange or binding from its entry in the file, in shorthand and in RabbitMQ's list form.

Everything is durable unless it says otherwise, in both forms: what is kept in a file is meant to stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from amqptool.topology.file import reading
from amqptool.topology.file.exported import LISTED
from amqptool.topology.file.nodes import Mapping, Node
from amqptool.topology.file.reading import Fields
from amqptool.topology.file.tables import Table
from amqptool.topology.model import Binding, Exchange

if TYPE_CHECKING:
    from amqptool.message import FieldValue
    from amqptool.topology.file.entries import Entry
    from amqptool.topology.model import DestinationType
    from amqptool.topology.problems import Problems

_DESTINATION_TYPES: dict[str, DestinationType] = {"queue": "queue", "exchange": "exchange"}


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What a binding leads to."""

    kind: DestinationType
    name: str
    vhost: str | None


def exchange(entry: Entry, problems: Problems) -> tuple[Exchange, list[Binding]]:
    """Read an exchange and the bindings under it."""
    fields = Fields(entry.mapping, problems)
    kind = fields.need("type", reading.exchange_type, entry.called)
    vhost = fields.take("vhost", reading.name, None)
    bindings = bindings_of(fields, End(kind="exchange", name=entry.name or "", vhost=vhost))
    read = Exchange(
        name=entry.name or "",
        type=kind or "direct",
        durable=fields.take("durable", reading.boolean, True),
        auto_delete=fields.take("auto_delete", reading.boolean, False),
        internal=fields.take("internal", reading.boolean, False),
        arguments=_exchange_arguments(entry, fields, kind),
        vhost=vhost,
        place=entry.place,
    )
    fields.refuse_others(entry.called, entry.left_alone)
    return read, bindings


def binding(node: Node, problems: Problems, end: End | None = None, *, exported: bool = False) -> Binding | None:
    """Read a binding, under the queue or exchange that is its end or by itself; None if it lacks an end."""
    if not isinstance(node, Mapping):
        wanted = "a binding must be a mapping (source: …, routing_key: …)"
        problems.add(node.place, f"{wanted}, not {reading.describe(node)}", "type")
        return None
    fields = Fields(node, problems)
    source = fields.need("source", reading.bound_name, "the binding")
    end = end or _end(fields)
    table = Table("binding", problems, exported=exported)
    table.read(fields, shorthand=False)
    routing_key = fields.take("routing_key", reading.routing_key, "")
    fields.refuse_others("a binding", LISTED["binding"] if exported else ())
    if source is None or end is None:
        return None
    return Binding(
        source=source,
        destination=end.name,
        destination_type=end.kind,
        routing_key=routing_key,
        arguments=table.values,
        vhost=end.vhost,
        place=node.place,
    )


def _end(fields: Fields) -> End | None:
    name = fields.need("destination", reading.bound_name, "the binding")
    kind = fields.take("destination_type", reading.one_of(tuple(_DESTINATION_TYPES)), "queue")
    vhost = fields.take("vhost", reading.name, None)
    return None if name is None else End(kind=_DESTINATION_TYPES[kind], name=name, vhost=vhost)


def bindings_of(fields: Fields, end: End) -> list[Binding]:
    """Read the bindings under the queue or exchange that is their end."""
    nodes = fields.take("bindings", reading.sequence, list[Node]())
    found = [binding(node, fields.problems, end) for node in nodes]
    return [item for item in found if item is not None and end.name]


def _exchange_arguments(entry: Entry, fields: Fields, kind: str | None) -> dict[str, FieldValue]:
    table = Table("exchange", fields.problems, exported=entry.exported)
    table.read(fields)
    if kind == "x-delayed-message" and "x-delayed-type" not in table.values:
        message = "an x-delayed-message exchange needs delayed_type: direct, fanout, topic or headers"
        fields.problems.add(fields.mapping.place, message, "missing-key")
    return table.values
