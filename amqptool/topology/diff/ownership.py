"""What a file owns on the broker: what may be deleted when the file no longer has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from amqptool.retry import is_wait_queue
from amqptool.topology.names import RESERVED_PREFIX

if TYPE_CHECKING:
    from collections.abc import Collection

    from amqptool.topology.model import Queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """The rule: names that begin with one of the prefixes, or whatever is in the file's vhosts."""

    prefixes: tuple[str, ...] = ()
    whole_vhosts: bool = False

    def owns(self, name: str) -> bool:
        """Return whether an exchange, queue or policy of this name is owned; never one of RabbitMQ's own."""
        return not name.startswith(RESERVED_PREFIX) and (self.whole_vhosts or name.startswith(self.prefixes))

    def owns_queue(self, queue: Queue, declared: Collection[tuple[str | None, str]]) -> bool:
        """Return whether a queue is owned; a wait queue belongs to whom its queue belongs, or to its queue's file.

        `declared` are the file's queues, by vhost and name.
        """
        if self.owns(queue.name):
            return True
        if not is_wait_queue(queue.name, queue.arguments):
            return False
        target = str(queue.arguments["x-dead-letter-routing-key"])
        return (queue.vhost, target) in declared or self.owns(target)
