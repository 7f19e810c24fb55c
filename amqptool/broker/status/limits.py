"""Which figures of a queue are beyond what is wanted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from amqptool.units import rounded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from amqptool.broker.status.queue import QueueStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is wanted of each queue; None is anything."""

    max_depth: int | None = None
    max_unacked: int | None = None
    #: Seconds.
    max_age: float | None = None
    min_consumers: int | None = None
    #: Whether a queue that cannot be used is to be found; with any limit it is.
    usable: bool = False

    @property
    def need_management(self) -> bool:
        """Whether AMQP alone does not tell all that is wanted."""
        return self.max_unacked is not None or self.max_age is not None

    def judge(self, queues: Iterable[QueueStatus], now: float) -> Verdict:
        """Compare queues with what is wanted; `now` is seconds since the epoch.

        One that cannot be used, or does not tell what is to be judged, is not as it is wanted.
        """
        breaches: dict[str, list[str]] = {}
        unknown: list[str] = []
        silent: list[str] = []
        for queue in queues:
            age = queue.age(now)
            seen = [*self._unwell(queue), *self._beyond(queue), *self._too_old(age)]
            untold = list(self._untold(queue))
            breaches[queue.name] = [*seen, *untold]
            if untold and not seen:
                silent.append(queue.name)
            if self.max_age is not None and age is None and queue.ready != 0:
                unknown.append(queue.name)
        return Verdict({name: found for name, found in breaches.items() if found}, unknown, silent)

    def _unwell(self, queue: QueueStatus) -> Iterator[str]:
        wanted = (self.max_depth, self.max_unacked, self.max_age, self.min_consumers)
        if not queue.is_well and (self.usable or any(limit is not None for limit in wanted)):
            yield f"is {queue.state}"

    def _beyond(self, queue: QueueStatus) -> Iterator[str]:
        depth, unacked, consumers = queue.depth, queue.unacked, queue.consumers
        if self.max_depth is not None and depth is not None and depth > self.max_depth:
            yield f"holds {depth:,} messages, more than {self.max_depth:,}"
        if self.max_unacked is not None and unacked is not None and unacked > self.max_unacked:
            yield f"has {unacked:,} un-acked messages, more than {self.max_unacked:,}"
        if self.min_consumers is not None and consumers is not None and consumers < self.min_consumers:
            yield f"has {consumers:,} consumers, fewer than {self.min_consumers:,}"

    def _untold(self, queue: QueueStatus) -> Iterator[str]:
        if self.max_depth is not None and queue.depth is None:
            yield "does not tell how many messages it holds"
        if self.max_unacked is not None and queue.unacked is None:
            yield "does not tell how many un-acked messages it has"
        if self.min_consumers is not None and queue.consumers is None:
            yield "does not tell how many consumers it has"

    def _too_old(self, age: float | None) -> Iterator[str]:
        if self.max_age is not None and age is not None and age > self.max_age:
            yield f"holds a message of {rounded(age)}, older than {rounded(self.max_age)}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is not as it is wanted, by queue; and the queues whose age is not known although it should be judged."""

    breaches: dict[str, list[str]] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    #: Queues whose only fault is that they do not tell what is to be judged, as a new one does not for some seconds.
    silent: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """Each breach in words."""
        return [line for name in self.breaches for line in self._of(name)]

    @property
    def seen_lines(self) -> list[str]:
        """Each breach in words, but for those of queues that are silent and no more."""
        return [line for name in self.breaches if name not in self.silent for line in self._of(name)]

    def _of(self, name: str) -> list[str]:
        return [f"queue {name!r} {breach}" for breach in self.breaches[name]]
