"""One exchange, queue or binding from its entry in the file, in shorthand and in RabbitMQ's list form.

Everything is durable unless it says otherwise, in both forms: what is kept in a file is meant to stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from amqptool.topology.argument import QUEUE_TYPES
from amqptool.topology.file import failures, reading
from amqptool.topology.file.nodes import Mapping, Node
from amqptool.topology.file.reading import Fields, Unfit
from amqptool.topology.file.tables import Table
from amqptool.topology.model import Binding, Exchange, Queue
from amqptool.topology.problems import quoted

if TYPE_CHECKING:
    from amqptool.message import FieldValue
    from amqptool.topology.expand import Places
    from amqptool.topology.model import DestinationType, Place
    from amqptool.topology.problems import Problems

_DESTINATION_TYPES: dict[str, DestinationType] = {"queue": "queue", "exchange": "exchange"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One exchange or queue as it stands in the file; without a name if that was wrong (and noted)."""

    name: str | None
    mapping: Mapping
    place: Place
    #: In RabbitMQ's list form, where an export says `type: classic` of queues declared without a type.
    listed: bool

    def called(self, what: str) -> str:
        """Name the entry in a message."""
        return f"{what} {quoted(self.name)}" if self.name is not None else f"the {what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What a binding leads to."""

    kind: DestinationType
    name: str
    vhost: str | None


def exchange(entry: Entry, problems: Problems) -> tuple[Exchange, list[Binding]]:
    """Read an exchange and the bindings under it."""
    fields = Fields(entry.mapping, problems)
    kind = fields.need("type", reading.exchange_type, entry.called("exchange"))
    vhost = fields.take("vhost", reading.name, None)
    bindings = _bindings(fields, End(kind="exchange", name=entry.name or "", vhost=vhost))
    read = Exchange(
        name=entry.name or "",
        type=kind or "direct",
        durable=fields.take("durable", reading.boolean, True),
        auto_delete=fields.take("auto_delete", reading.boolean, False),
        internal=fields.take("internal", reading.boolean, False),
        arguments=_exchange_arguments(fields, kind),
        vhost=vhost,
        place=entry.place,
    )
    fields.refuse_others(entry.called("exchange"))
    return read, bindings


def queue(entry: Entry, problems: Problems) -> tuple[Queue, list[Binding], Places | None]:
    """Read a queue, the bindings under it, and where it says what becomes of failed messages (if it does)."""
    fields = Fields(entry.mapping, problems)
    vhost = fields.take("vhost", reading.name, None)
    bindings = _bindings(fields, End(kind="queue", name=entry.name or "", vhost=vhost))
    fields.take("exclusive", _not_exclusive, False)
    durable = fields.take("durable", reading.boolean, True)
    auto_delete = fields.take("auto_delete", reading.boolean, False)
    table = _queue_arguments(entry, fields)
    failed = failures.read(fields, entry.name or "")
    read = Queue(
        name=entry.name or "",
        durable=durable,
        auto_delete=auto_delete,
        arguments=table.values,
        retry=failed.retry,
        dead_letter=failed.dead_letter,
        vhost=vhost,
        place=entry.place,
    )
    _check_queue(read, fields, table)
    fields.refuse_others(entry.called("queue"))
    return read, bindings, failed.places


def binding(node: Node, problems: Problems, end: End | None = None) -> Binding | None:
    """Read a binding, under the queue or exchange that is its end or by itself; None if it lacks an end."""
    if not isinstance(node, Mapping):
        wanted = "a binding must be a mapping (source: …, routing_key: …)"
        problems.add(node.place, f"{wanted}, not {reading.describe(node)}", "type")
        return None
    fields = Fields(node, problems)
    source = fields.need("source", reading.bound_name, "the binding")
    end = end or _end(fields)
    table = Table("binding", problems)
    table.read(fields, shorthand=False)
    routing_key = fields.take("routing_key", reading.routing_key, "")
    fields.refuse_others("a binding")
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


def _bindings(fields: Fields, end: End) -> list[Binding]:
    nodes = fields.take("bindings", reading.sequence, list[Node]())
    found = [binding(node, fields.problems, end) for node in nodes]
    return [item for item in found if item is not None and end.name]


def _exchange_arguments(fields: Fields, kind: str | None) -> dict[str, FieldValue]:
    table = Table("exchange", fields.problems)
    table.read(fields)
    if kind == "x-delayed-message" and "x-delayed-type" not in table.values:
        message = "an x-delayed-message exchange needs delayed_type: direct, fanout, topic or headers"
        fields.problems.add(fields.mapping.place, message, "missing-key")
    return table.values


def _queue_arguments(entry: Entry, fields: Fields) -> Table:
    table = Table("queue", fields.problems)
    kind, node = fields.take("type", reading.one_of(QUEUE_TYPES, "queue-type"), None), fields.node("type")
    table.read(fields)
    if kind is not None and node is not None and not (entry.listed and kind == "classic"):
        table.put("x-queue-type", kind, node.place)
    return table


def _check_queue(read: Queue, fields: Fields, table: Table) -> None:
    table.check_queue_type(read.type)
    if "x-dead-letter-routing-key" in table.values and "x-dead-letter-exchange" not in table.values:
        message = "x-dead-letter-routing-key needs x-dead-letter-exchange beside it: RabbitMQ refuses it alone"
        table.note("x-dead-letter-routing-key", message, "argument-name")
    if read.type != "classic":
        for key, wanted, found in (("durable", True, read.durable), ("auto_delete", False, read.auto_delete)):
            node = fields.node(key)
            if found is not wanted and node is not None:
                message = f"{key} must be {str(wanted).lower()} for {read.type} queues: RabbitMQ refuses others"
                fields.problems.add(node.place, message, "queue-type")


def _not_exclusive(node: Node) -> bool:
    if reading.boolean(node):
        raise Unfit(node, "queues vanish with the connection that declares them; leave it out", "exclusive")
    return False
