"""The way back from wait queues and dead-letter queues to `retry` and `dead_letter` of the queues that imply them.

A queue is folded away only where it is exactly what would be implied, so what is declared stays the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from amqptool import retry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from amqptool.topology.model import Queue, Topology

_Key: TypeAlias = "tuple[str | None, str]"


def folded(topology: Topology) -> Topology:
    """Return the same topology, in which every queue that another one can imply is implied by it."""
    folding = _Folding(topology)
    for key in list(folding.queues):
        folding.fold(folding.queues[key])
    return replace(topology, queues=tuple(folding.queues.values()))


class _Folding:
    """One folding: the queues as they are by now, and what is known of them."""

    def __init__(self, topology: Topology) -> None:
        self.queues = {_key(queue): queue for queue in topology.queues}
        # What is bound to is more than somebody's wait queue or dead-letter queue.
        bindings = (each for each in topology.bindings if each.destination_type == "queue")
        self._bound = {(each.vhost, each.destination) for each in bindings}
        self._ladders = _ladders(queue for queue in topology.queues if _key(queue) not in self._bound)

    def fold(self, queue: Queue) -> None:
        """Let a queue imply what it can, unless its file has said what it implies."""
        has_spoken = queue.retry or queue.dead_letter or queue.implied_by
        if has_spoken or _is_wait_queue(queue) or queue.type == "stream":
            return
        delays = self._ladders.get(_key(queue), ())
        dead_letter = self._dead_letter(queue)
        self.queues[_key(queue)] = replace(queue, retry=delays, dead_letter=dead_letter)
        for delay in delays:
            self._imply(queue, retry.wait_queue(queue.name, delay))
        if dead_letter is not None and self._can_be_implied(queue, dead_letter):
            self._imply(queue, dead_letter)

    def _dead_letter(self, queue: Queue) -> str | None:
        """Return the dead-letter queue that a queue leads to, or that goes by its name."""
        usual = retry.dead_letter_queue(queue.name)
        if queue.type != "quorum":
            leads_elsewhere = "x-dead-letter-exchange" in queue.arguments
            return usual if self._can_be_implied(queue, usual) and not leads_elsewhere else None
        target = queue.arguments.get("x-dead-letter-routing-key")
        if not isinstance(target, str) or not retry.at_least_once(target).items() <= queue.arguments.items():
            return None
        if target == usual:
            return usual if (queue.vhost, usual) in self.queues else None
        # Messages that expire into a queue that has no dead letter's name are probably work for it.
        return target if self._can_be_implied(queue, target) and "x-message-ttl" not in queue.arguments else None

    def _can_be_implied(self, queue: Queue, name: str) -> bool:
        """Return whether there is a dead-letter queue of this name, exactly as it would be implied."""
        found = self.queues.get((queue.vhost, name))
        if found is None or found.name == queue.name or _key(found) in self._bound or _key(found) in self._ladders:
            return False
        is_plain = found.durable and not found.auto_delete and not found.retry and found.dead_letter is None
        return is_plain and found.arguments == retry.dead_letter_queue_arguments()

    def _imply(self, queue: Queue, name: str) -> None:
        implied = self.queues[queue.vhost, name]
        if implied.implied_by is None:
            self.queues[queue.vhost, name] = replace(implied, implied_by=queue.name)


def _ladders(queues: Iterable[Queue]) -> dict[_Key, tuple[int, ...]]:
    """Return the delays of the wait queues that are there, by the queue that they lead to."""
    ladders: dict[_Key, list[int]] = {}
    for queue in filter(_is_wait_queue, queues):
        target, delay = queue.arguments["x-dead-letter-routing-key"], queue.arguments["x-message-ttl"]
        if isinstance(target, str) and isinstance(delay, int):
            ladders.setdefault((queue.vhost, target), []).append(delay)
    return {key: tuple(sorted(delays)) for key, delays in ladders.items()}


def _is_wait_queue(queue: Queue) -> bool:
    return queue.durable and not queue.auto_delete and retry.is_wait_queue(queue.name, queue.arguments)


def _key(queue: Queue) -> _Key:
    return queue.vhost, queue.name
