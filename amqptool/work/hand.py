"""What a worker has in hand: the deliveries that it has not settled, and in what order they are handled."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from amqptool.work.item import Item


class Hand:
    """Un-acked deliveries; of those that are ready, no more are given out than may be under way."""

    def __init__(self, most_running: int) -> None:
        self.items: set[Item] = set()
        #: From when they are given out until their outcome is settled.
        self.running: set[Item] = set()
        #: How many bytes the bodies are.
        self.bytes = 0
        #: How many were tried for the last time, and stay here until the worker stops.
        self.given_up = 0
        self._most_running = most_running
        self._ready: deque[Item] = deque()
        # Which may be what kills processes, so each is handled with nothing beside it.
        self._interrupted: deque[Item] = deque()
        # The last one that was; as long as it is running, nothing else is given out.
        self._exclusive: Item | None = None

    @property
    def held(self) -> int:
        """How many wait for another attempt, for another worker, or for the end."""
        return sum(item.given_up or item.timer is not None for item in self.items)

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do but what was given up."""
        return self.given_up == len(self.items)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being worked on; what is held for later does not count."""
        return all(item.given_up or item.timer is not None for item in self.items) and self.running <= self.items

    def add(self, item: Item) -> None:
        """Take a delivery in."""
        self.items.add(item)
        self.bytes += len(item.delivery.body)

    def leave(self, item: Item) -> None:
        """Let a delivery go that is here."""
        self.items.remove(item)
        self.bytes -= len(item.delivery.body)
        self.given_up -= item.given_up

    def give_up(self, item: Item) -> None:
        """Keep a delivery for nothing but giving it back in the end, without its body."""
        self.bytes -= len(item.delivery.body)
        self.given_up += 1
        item.give_up()

    def line_up(self, item: Item) -> None:
        """Let a delivery be handled when its turn comes, alone if it is interrupted now, whatever it was before."""
        item.is_alone = False
        if self._exclusive is item:
            self._exclusive = None
        if item.claim is not None and item.claim.interrupted:
            self._interrupted.append(item)
        else:
            self._ready.append(item)

    def give_out(self) -> list[Item]:
        """Return what is to be handled now: all that may be, or one that is to be alone."""
        if self._exclusive in self.running:
            return []
        if self._interrupted:
            return [] if self.running else self._give_out_alone()
        given: list[Item] = []
        while self._ready and len(self.running) < self._most_running:
            item = self._ready.popleft()
            if item in self.items:
                self.running.add(item)
                given.append(item)
        return given

    def put_back(self, items: Sequence[Item]) -> None:
        """Put what was given out and not begun to the front of its line."""
        self.running.difference_update(items)
        for item in reversed(items):
            (self._interrupted if item.is_alone else self._ready).appendleft(item)

    def waiting(self) -> set[Item]:
        """Return what is not being handled."""
        return self.items - self.running

    def purge(self) -> None:
        """Let go of the bodies of what has left while it stood in a line."""
        self._ready = deque(self._still_here(self._ready))
        self._interrupted = deque(self._still_here(self._interrupted))

    def _give_out_alone(self) -> list[Item]:
        while self._interrupted:
            item = self._interrupted.popleft()
            if item in self.items:
                item.is_alone, self._exclusive = True, item
                self.running.add(item)
                return [item]
        return self.give_out()

    def _still_here(self, items: Iterable[Item]) -> Iterable[Item]:
        return (item for item in items if item in self.items)
