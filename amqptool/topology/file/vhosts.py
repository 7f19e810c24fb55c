"""A vhost from its entry in the file: its name, and the type of queues that are declared in it without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.topology.argument import QUEUE_TYPES
from amqptool.topology.file import reading
from amqptool.topology.file.nodes import Mapping, Scalar
from amqptool.topology.file.reading import Fields
from amqptool.topology.model import Vhost

if TYPE_CHECKING:
    from amqptool.topology.file.entries import Entry
    from amqptool.topology.file.nodes import Node
    from amqptool.topology.problems import Problems

#: What exports and listings tell of a vhost besides, which amqptool leaves alone.
LEFT_ALONE = frozenset({"limits", "description", "tags", "tracing", "protected_from_deletion", "cluster_state"})

#: RabbitMQ's modules, by which it calls the types now and then.
MODULES = {f"rabbit_{kind}_queue": kind for kind in QUEUE_TYPES}
_KEY = "default_queue_type"


def vhost(entry: Entry, problems: Problems) -> Vhost | None:
    """Read a vhost; None if it has no name."""
    fields = Fields(entry.mapping, problems)
    default = _default(fields)
    fields.refuse_others(entry.called, LEFT_ALONE, entry.left_alone)
    return None if entry.name is None else Vhost(name=entry.name, default_queue_type=default, place=entry.place)


def default_of_export(key: Scalar, node: Node, problems: Problems) -> str | None:
    """Return the default queue type that an export of one vhost says under a key at its top, if it does."""
    return _default(Fields(Mapping(key.place, entries={key.text: (key, node)}), problems))


def _default(fields: Fields) -> str | None:
    """Take the default queue type, which RabbitMQ exports as a key or, from 3.12 on, in `metadata`."""
    kind = fields.take(_KEY, _queue_type, None)
    metadata = fields.node("metadata")
    if kind is not None or not isinstance(metadata, Mapping):
        return kind
    return Fields(metadata, fields.problems).take(_KEY, _queue_type, None)


def _queue_type(node: Node) -> str | None:
    # An unset default was the word "undefined" in some versions, and null in others.
    if isinstance(node, Scalar) and node.value in (None, "", "undefined"):
        return None
    if isinstance(node, Scalar) and node.text in MODULES:
        return MODULES[node.text]
    return reading.one_of(QUEUE_TYPES, "queue-type")(node)
