"""Which queues belong to another one: its wait queues and its dead-letter queue, known by name and arguments.

A broker does not say what a file's `retry` or `dead_letter` implied, so files and brokers are read the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from amqptool import retry
from amqptool.topology.draw.graph import Key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from amqptool.topology.model import Queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Implied:
    """The queues that belong to others."""

    #: A queue → its wait queues, the shortest delay first.
    ladders: Mapping[Key, tuple[Queue, ...]]
    #: A wait queue → the queue it belongs to.
    owners: Mapping[Key, Key]
    #: A queue → its dead-letter queue.
    dead: Mapping[Key, Key]


def implied(queues: Iterable[Queue]) -> Implied:
    """Find the queues that belong to others."""
    table = {Key(queue.vhost, "queue", queue.name): queue for queue in queues}
    waiting = {key for key, queue in table.items() if retry.is_wait_queue(queue.name, queue.arguments)}
    owners = {key: owner for key in waiting if (owner := _owner(table[key])) in table and owner not in waiting}
    dead = {key: end for key, queue in table.items() if key not in owners and (end := _dead(queue, table)) is not None}
    ladders: dict[Key, list[Queue]] = {}
    for key in sorted(owners, key=lambda key: _delay(table[key])):
        ladders.setdefault(owners[key], []).append(table[key])
    return Implied(ladders={key: tuple(each) for key, each in ladders.items()}, owners=owners, dead=dead)


def _owner(wait: Queue) -> Key:
    return Key(wait.vhost, "queue", str(wait.arguments["x-dead-letter-routing-key"]))


def _delay(wait: Queue) -> int:
    delay = wait.arguments["x-message-ttl"]
    return delay if isinstance(delay, int) else 0


def _dead(queue: Queue, table: Mapping[Key, Queue]) -> Key | None:
    """Return the dead-letter queue that a file gave a queue, or that a worker would have made for it."""
    if queue.dead_letter is not None:
        named = Key(queue.vhost, "queue", queue.dead_letter)
        return named if named in table else None
    conventional = Key(queue.vhost, "queue", retry.dead_letter_queue(queue.name))
    found = table.get(conventional)
    return conventional if found and dict(found.arguments) == retry.dead_letter_queue_arguments() else None
