"""A process's way to a real dedup store, which fails, stalls and ends when the test says so."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from math import inf
from typing import Any, Literal, TypeAlias, TypeVar

from amqptool.dedup.interface import Acquired, Claim, DedupStore, Key
from amqptool.errors import DedupError
from tests.support.ledger import Ledger

T = TypeVar("T")

#: Seconds after which what has failed was repeated.
TROUBLE = 5.0

#: When a call fails: before or after it has had its effect.
Failure: TypeAlias = Literal["before", "after"]


class TroubledStore:
    """A store that tells the ledger what is written, and of which calls can fail."""

    def __init__(self, store: DedupStore, process: str, ledger: Ledger, clock: Callable[[], float]) -> None:
        self.lease = store.lease
        #: How the next calls fail, and whether those after them fail for good.
        self.failures: deque[Failure] = deque()
        self.is_down = False
        self._store = store
        self._process = process
        self._ledger = ledger
        self._clock = clock
        self._failed_at = -inf

    @property
    def is_troubled(self) -> bool:
        """Whether it fails, or did so a moment ago."""
        return self.is_down or bool(self.failures) or self._clock() < self._failed_at + TROUBLE

    def mend(self) -> None:
        """Let no further call fail."""
        self.failures.clear()
        self.is_down = False

    def complete_and_claim(self, claims: Sequence[Acquired], keys: Sequence[Key]) -> tuple[list[bool], list[Claim]]:
        """Turn claims into DONE, and claim keys."""

        def note(answers: tuple[list[bool], list[Claim]]) -> None:
            self._note_ends(claims)
            self._note_claims(answers[1])

        return self._call(lambda: self._store.complete_and_claim(claims, keys), note)

    def release(self, claims: Sequence[Acquired], *, failed: bool) -> None:
        """Give claims up."""
        self._call(lambda: self._store.release(claims, failed=failed), lambda _: self._note_ends(claims))

    def discard(self, claims: Sequence[Acquired]) -> None:
        """Give claims up and forget their keys."""
        self._call(lambda: self._store.discard(claims), lambda _: self._note_ends(claims))

    def renew(self, claims: Sequence[Acquired]) -> None:
        """Begin the leases of claims anew."""
        self._call(lambda: self._store.renew(claims), lambda _: self._note_renewals(claims))

    def prune(self) -> int:
        """Forget nothing: retention is no subject here."""
        return 0

    def _call(self, function: Callable[[], T], note: Callable[[T], None]) -> T:
        failure = self.failures.popleft() if self.failures else "before" if self.is_down else None
        if failure is not None:
            self._failed_at = self._clock()
        if failure == "before":
            raise DedupError("the store fails")
        answer = function()
        note(answer)
        if failure == "after":
            raise DedupError("the store's answer is lost")
        return answer

    def _note_claims(self, claims: Sequence[Claim]) -> None:
        for claim in claims:
            if isinstance(claim, Acquired):
                self._ledger.claim(claim, self._process, self._clock(), self.lease)

    def _note_ends(self, claims: Sequence[Acquired]) -> None:
        for claim in claims:
            self._ledger.end(claim)

    def _note_renewals(self, claims: Sequence[Acquired]) -> None:
        for claim in claims:
            self._ledger.renew(claim, self._clock(), self.lease)


class HeldCalls:
    """Makes calls in order, without a thread: at once, or when the test lets them go.

    Of those that are held, the first is under way, and cannot be cancelled any more.
    """

    def __init__(self) -> None:
        self.is_held = False
        self._under_way: tuple[Future[Any], Callable[[], Any]] | None = None
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()

    async def call(self, function: Callable[[], T]) -> T:
        """Make a call, or keep it."""
        future: Future[T] = Future()
        self._waiting.append((future, function))
        self._begin()
        if not self.is_held:
            self.let_go()
        return await asyncio.wrap_future(future)

    def leave(self, function: Callable[[], object]) -> None:
        """Make a call for nobody, or keep it."""
        self._waiting.append((Future(), function))
        self._begin()
        if not self.is_held:
            self.let_go()

    async def close(self, timeout: float, at_last: Callable[[], object]) -> None:
        """Do nothing: whoever plays the process lets go of the calls."""

    def let_go(self) -> None:
        """Make all calls that were kept."""
        self.is_held = False
        while self._under_way:
            self.make_one()

    def make_one(self) -> None:
        """Make the call that is under way, if there is one."""
        if self._under_way is None:
            return
        future, call = self._under_way
        self._under_way = None
        try:
            future.set_result(call())
        except DedupError as error:
            future.set_exception(error)
        self._begin()

    def drop(self) -> None:
        """Forget all calls, and never make another one."""
        self._waiting.clear()
        self._under_way = None
        self.is_held = True

    def _begin(self) -> None:
        while self._under_way is None and self._waiting:
            future, call = self._waiting.popleft()
            if future.set_running_or_notify_cancel():
                self._under_way = future, call
