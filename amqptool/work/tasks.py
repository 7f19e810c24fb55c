"""The tasks of a pipeline: what one of them fails with ends the pipeline."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from amqptool.work.batches import Batches

T = TypeVar("T")

#: Seconds that tasks get to end; a handler that swallows its cancellation does not hold up the rest.
END_TIMEOUT = 2.0
#: Seconds for those that are cancelled after that, to hear of it and do what they must.
_CANCEL_TIMEOUT = 0.1


class Tasks:
    """Some tasks that end together."""

    def __init__(self, on_failure: Callable[[BaseException], None]) -> None:
        self._on_failure = on_failure
        self._running: set[asyncio.Task[None]] = set()
        self._is_ending = False

    def start(self, work: Coroutine[object, object, None]) -> None:
        """Start a task."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)

    def work_off(self, batches: Batches[T], work: Callable[[list[T]], Awaitable[None]]) -> None:
        """Start a task that works off batch by batch, until these are closed."""

        async def work_off_all() -> None:
            while batch := await batches.take():
                await work(batch)

        self.start(work_off_all())

    def cancel(self) -> None:
        """Cancel them all, which is no failure from now on."""
        self._is_ending = True
        for task in self._running:
            task.cancel()

    async def end(self) -> None:
        """Wait until they have ended, for as long as they get; cancel what has not, and wait for that."""
        self._is_ending = True
        try:
            await self._all_ended(END_TIMEOUT)
        finally:
            self.cancel()
            await self._all_ended(_CANCEL_TIMEOUT)

    async def _all_ended(self, timeout: float) -> None:
        if self._running:
            await asyncio.wait(self._running, timeout=timeout)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if task.cancelled():
            if not self._is_ending:
                self._on_failure(RuntimeError("a task of the worker was cancelled from outside"))
        elif (error := task.exception()) is not None:
            self._on_failure(error)
