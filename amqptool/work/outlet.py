"""Writing what cannot wait to where it may have to: in a thread, from a bounded memory."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

#: How much may wait to be written: items, and their bytes.
MAX_ITEMS, MAX_BYTES = 10_000, 32 * 1024 * 1024
#: Items that are written at a time.
BATCH = 500
#: Seconds for what still waits, once somebody is in a hurry.
GRACE = 2.0


class Outlet(Generic[T]):
    """Takes items at any speed, and drops the oldest that wait where they are too many.

    `write` may block; it gets some items at a time, in a thread. What it raises ends the outlet: then `on_failure` is
    called, and `close` raises it.
    """

    def __init__(
        self,
        write: Callable[[Sequence[T]], None],
        on_failure: Callable[[], None],
        *,
        max_items: int = MAX_ITEMS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._write = write
        self._on_failure = on_failure
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._waiting: deque[tuple[T, int]] = deque()
        self._bytes = 0
        #: Items that are being written.
        self._in_hand = 0
        #: How many items were written, and how many were not, since they came too fast or too late.
        self.written = self.missed = 0
        self._changed = asyncio.Event()
        self._is_closing = False
        self._working = asyncio.create_task(self._work())
        self._working.add_done_callback(self._note_end)

    def take(self, item: T, size: int) -> None:
        """Take an item of so many bytes."""
        self._waiting.append((item, size))
        self._bytes += size
        while len(self._waiting) > self._max_items or (self._bytes > self._max_bytes and len(self._waiting) > 1):
            self._next()
            self.missed += 1
        self._changed.set()

    async def close(self, hurry: asyncio.Event) -> None:
        """Write what waits, or in a hurry what can be written in a moment; the rest is missed.

        Raises:
            Exception: what `write` has raised.
        """
        self._is_closing = True
        self._changed.set()
        hurrying = asyncio.create_task(hurry.wait())
        await asyncio.wait({self._working, hurrying}, return_when=asyncio.FIRST_COMPLETED)
        hurrying.cancel()
        await asyncio.wait({self._working}, timeout=GRACE)
        self.missed += len(self._waiting)
        self._waiting.clear()
        if self._working.done():
            self._working.result()
        else:
            self.missed += self._in_hand  # perhaps not all of them, but more cannot be said to be written
            self._working.cancel()

    async def _work(self) -> None:
        while self._waiting or not self._is_closing:
            if not self._waiting:
                self._changed.clear()
                await self._changed.wait()
                continue
            batch = [self._next() for _ in range(min(BATCH, len(self._waiting)))]
            self._in_hand = len(batch)
            await asyncio.to_thread(self._write, batch)
            self._in_hand = 0
            self.written += len(batch)

    def _next(self) -> T:
        item, size = self._waiting.popleft()
        self._bytes -= size
        return item

    def _note_end(self, working: asyncio.Task[None]) -> None:
        if not working.cancelled() and working.exception() is not None:
            self._on_failure()
