"""A dedup store around another one, in which a process dies before or after its calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amqptool.dedup.interface import Acquired, Claim, DedupStore, Key
from tests.faults.crashes.points import Fate, Point


class MortalStore:
    """Passes every call on; what a call did is committed when the process dies after it."""

    def __init__(self, store: DedupStore, fate: Fate) -> None:
        self._store = store
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        """Give what has no crash points as the store has it."""
        return getattr(self._store, name)

    def complete_and_claim(self, claims: Sequence[Acquired], keys: Sequence[Key]) -> tuple[list[bool], list[Claim]]:
        """Complete claims, and claim keys."""
        self._come_to(Point.BEFORE_DONE, claims)
        self._come_to(Point.BEFORE_CLAIM, keys)
        answers = self._store.complete_and_claim(claims, keys)
        self._come_to(Point.AFTER_DONE, claims)
        self._come_to(Point.AFTER_CLAIM, keys)
        return answers

    def release(self, claims: Sequence[Acquired], *, failed: bool) -> None:
        """Give up claims; the crash points are about those of failed messages, whose copies are confirmed."""
        self._come_to(Point.BEFORE_RELEASE, claims if failed else ())
        self._store.release(claims, failed=failed)
        self._come_to(Point.AFTER_RELEASE, claims if failed else ())

    def discard(self, claims: Sequence[Acquired]) -> None:
        """Forget what is dead."""
        self._come_to(Point.BEFORE_DISCARD, claims)
        self._store.discard(claims)
        self._come_to(Point.AFTER_DISCARD, claims)

    def _come_to(self, point: Point, what: Sequence[object]) -> None:
        if what:
            self._fate.come_to(point)
