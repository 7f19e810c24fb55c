"""One queue from its entry in the file, in shorthand and in RabbitMQ's list form.

A queue's type may depend on its vhost, which may stand further down or in another file: what the type decides
is settled when everything was read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from amqptool.topology.argument import QUEUE_TYPES
from amqptool.topology.file import failures, reading
from amqptool.topology.file.objects import End, bindings_of
from amqptool.topology.file.reading import Fields, Unfit
from amqptool.topology.file.tables import Table
from amqptool.topology.model import Queue

if TYPE_CHECKING:
    from amqptool.topology.expand import Places
    from amqptool.topology.file.entries import Entry
    from amqptool.topology.file.nodes import Node
    from amqptool.topology.model import Binding
    from amqptool.topology.problems import Problems

_TYPE = "x-queue-type"


@dataclass(frozen=True, slots=True)
class QueueDraft:
    """A queue as read, before it is known what its vhost makes of it."""

    queue: Queue
    #: An export says `type: classic` of a queue that was declared without a type, too.
    said_classic: bool
    #: Its arguments, where it depends on the type whether they fit.
    table: Table | None = None
    #: Where it says what becomes of failed messages, if it does.
    failures: Places | None = None

    def settle(self, default: str | None) -> Queue:
        """Return the queue with the type that it has in a vhost with this default, and note what does not fit."""
        queue = self.queue
        if default is not None and _TYPE not in queue.arguments and (kind := self._type(default)) is not None:
            queue = replace(queue, arguments={**queue.arguments, _TYPE: kind})
        if self.table is not None:
            self.table.check_queue_type(queue.type)
        return queue

    def _type(self, default: str) -> str | None:
        if self.said_classic:
            return None if default == "classic" else "classic"
        # RabbitMQ does not give its default to a queue that cannot be of that type.
        fits = default == "classic" or (self.queue.durable and not self.queue.auto_delete)
        return default if fits else None


def queue(entry: Entry, problems: Problems) -> tuple[QueueDraft, list[Binding]]:
    """Read a queue and the bindings under it."""
    fields = Fields(entry.mapping, problems)
    vhost = fields.take("vhost", reading.name, None)
    bindings = bindings_of(fields, End(kind="queue", name=entry.name or "", vhost=vhost))
    fields.take("exclusive", _not_exclusive, False)
    durable = fields.take("durable", reading.boolean, True)
    auto_delete = fields.take("auto_delete", reading.boolean, False)
    kind = fields.take("type", reading.one_of(QUEUE_TYPES, "queue-type"), None)
    said_classic = entry.listed and kind == "classic"
    table = Table("queue", fields.problems, exported=entry.exported)
    table.read(fields)
    if kind is not None and not said_classic and (node := fields.node("type")) is not None:
        table.put(_TYPE, kind, node.place)
    failed = failures.read(fields, entry.name or "")
    fields.refuse_others(entry.called, entry.left_alone)
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
    _check_dead_lettering(table)
    if _TYPE in table.values:
        table.check_queue_type(read.type)
        _check_properties(read, fields)
    is_open = bool(table.values) and _TYPE not in table.values
    return QueueDraft(read, said_classic, table if is_open else None, failed.places), bindings


def _check_dead_lettering(table: Table) -> None:
    if "x-dead-letter-routing-key" in table.values and "x-dead-letter-exchange" not in table.values:
        message = "x-dead-letter-routing-key needs x-dead-letter-exchange beside it: RabbitMQ refuses it alone"
        table.note("x-dead-letter-routing-key", message, "argument-name")


def _check_properties(queue: Queue, fields: Fields) -> None:
    """Note what RabbitMQ refuses beside a type; a vhost's default type leaves such queues as they are."""
    if queue.type == "classic":
        return
    for key, wanted, found in (("durable", True, queue.durable), ("auto_delete", False, queue.auto_delete)):
        node = fields.node(key)
        if found is not wanted and node is not None:
            message = f"{key} must be {str(wanted).lower()} for {queue.type} queues: RabbitMQ refuses others"
            fields.problems.add(node.place, message, "queue-type")


def _not_exclusive(node: Node) -> bool:
    if reading.boolean(node):
        raise Unfit(node, "queues vanish with the connection that declares them; leave it out", "exclusive")
    return False
