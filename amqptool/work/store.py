"""The dedup store as the event loop sees it: one thread, and patience when the store fails."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, TypeVar

from amqptool.dedup.interface import Acquired, Transactional
from amqptool.errors import DedupError
from amqptool.work.caller import Caller

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from amqptool.dedup.interface import Claim, DedupStore, Key
    from amqptool.work.caller import Calls

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds a worker waits for a failing store before it gives up, and between its attempts.
PATIENCE, PAUSE = 60.0, 1.0
#: Seconds after which a call that has not come back counts as failing: more than the stores wait for each other's
#: transactions, and for a server that is dead.
STALLED = 15.0
#: Seconds that calls have to end when the worker does; with SQLite one may wait for a handler that never ends.
CLOSE_TIMEOUT = 3.0


class StoreThread:
    """Calls a store in a thread of its own, one call at a time, in order.

    A failing call is repeated, and one that does not come back is waited for: meanwhile nothing is claimed, completed
    or acked, so no message is lost. `calls` makes the calls, if not a thread of its own.

    Raises:
        DedupError: from every call, when the store failed for `PATIENCE` seconds.
    """

    def __init__(self, store: DedupStore, calls: Calls | None = None) -> None:
        #: The store itself, for what may be called from any thread.
        self.store = store
        self._calls = calls or Caller("amqptool-dedup")
        self.lease = store.lease
        # How many calls have failed and are not over; what has failed for too long stays counted.
        self._failing = 0
        #: Called when the store works again.
        self.on_recovery: Callable[[], None] = lambda: None

    @property
    def is_healthy(self) -> bool:
        """Whether no call is failing."""
        return self._failing == 0

    async def complete_and_claim(
        self, claims: Sequence[Acquired], keys: Sequence[Key]
    ) -> tuple[list[bool], list[Claim]]:
        """Turn claims into DONE, and claim keys; claims for which nobody waits any more are given up."""
        acquired: list[Acquired] = []

        def complete_and_claim() -> tuple[list[bool], list[Claim]]:
            recorded, answers = self.store.complete_and_claim(claims, keys)
            acquired.extend(claim for claim in answers if isinstance(claim, Acquired))
            return recorded, answers

        try:
            return await self._call(complete_and_claim)
        except BaseException:
            self.leave_completed(claims)
            self._calls.leave(lambda: self.store.release(acquired, failed=False))
            raise

    def leave_completed(self, claims: Sequence[Acquired]) -> None:
        """Have claims turned into DONE when there is time for it; once more does no harm."""
        if claims:
            self._calls.leave(lambda: self.store.complete(claims))

    async def release(self, claims: Sequence[Acquired], *, failed: bool) -> None:
        """Give claims up."""
        await self._call_in_any_case(lambda: self.store.release(claims, failed=failed))

    async def discard(self, claims: Sequence[Acquired]) -> None:
        """Give claims up and forget their keys."""
        await self._call_in_any_case(lambda: self.store.discard(claims))

    async def renew(self, claims: Sequence[Acquired]) -> None:
        """Begin the leases of claims anew."""
        await self._call(lambda: self.store.renew(claims))

    async def prune(self) -> None:
        """Forget what is older than the retention."""
        while await self._call(self.store.prune):
            pass  # the other calls take turns with these

    async def close(self, *, with_store: bool) -> None:
        """End the thread after its calls, the last of which may close the store; what takes too long is left to it."""
        await self._calls.close(CLOSE_TIMEOUT, at_last=self.store.close if with_store else lambda: None)

    async def _call_in_any_case(self, function: Callable[[], object]) -> None:
        """Make a call that is made also if nobody waits for it any more, and once more does no harm."""
        try:
            await self._call(function)
        except BaseException:
            self._calls.leave(function)
            raise

    async def _call(self, function: Callable[[], T]) -> T:
        trouble = _Trouble()
        self._look_later(trouble)
        try:
            async with trouble.limit:
                result = await self._until_it_works(function, trouble)
        except TimeoutError:
            if trouble.error is None:
                raise
            raise trouble.error from None
        finally:
            trouble.look.cancel()
        if trouble.error is not None:
            self._note_working()
        return result

    async def _until_it_works(self, function: Callable[[], T], trouble: _Trouble) -> T:
        while True:
            try:
                return await self._calls.call(function)
            except DedupError as error:
                self._note_failing(trouble, error)
            await asyncio.sleep(PAUSE)

    def _look_later(self, trouble: _Trouble) -> None:
        trouble.look = asyncio.get_running_loop().call_later(STALLED, self._look, trouble)

    def _look(self, trouble: _Trouble) -> None:
        """Look whether a call has not come back, and does not wait for a handler of ours, which may take its time."""
        if isinstance(self.store, Transactional) and self.store.is_taken:
            self._look_later(trouble)
        elif trouble.error is None:
            # If the loop was held up, the answer may be there already: whoever waits for it goes first.
            trouble.look = asyncio.get_running_loop().call_soon(self._note_stalled, trouble)

    def _note_stalled(self, trouble: _Trouble) -> None:
        self._note_failing(trouble, DedupError(f"the dedup store has not answered for {STALLED:g} seconds"))

    def _note_failing(self, trouble: _Trouble, error: DedupError) -> None:
        if trouble.error is None:
            trouble.limit.reschedule(asyncio.get_running_loop().time() + PATIENCE)
            if self.is_healthy:
                log.warning(
                    "%s; holding all messages un-acked until it works again",
                    error,
                    extra={"error": type(error).__name__},
                )
            self._failing += 1
        trouble.error = error

    def _note_working(self) -> None:
        self._failing -= 1
        if self.is_healthy:
            log.warning("the dedup store works again")
            self.on_recovery()


class _Trouble:
    """What is wrong with one call, if anything."""

    #: Looks whether the call has come back.
    look: asyncio.Handle

    def __init__(self) -> None:
        self.error: DedupError | None = None
        #: When it has failed for too long.
        self.limit = asyncio.timeout(None)
