"""Whether a pipeline gets on: what changes in it, and what it fails with."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.handlers.interface import StopWork


class Progress:
    """Tells whoever waits for it that something has changed, and `on_change` too."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_change = on_change
        self._changed = asyncio.Event()
        #: Set when the worker must stop, since its handler can do no work or the pipeline is broken.
        self.failure: asyncio.Future[BaseException] = self._loop.create_future()
        #: Whether nothing can be brought to its end any more, such as when the store stays broken.
        self.is_broken = False
        #: When a delivery last came or was settled, by the loop's clock.
        self.last_activity = self._loop.time()

    def stop_for(self, error: StopWork) -> None:
        """Have the worker stop; what has begun may finish."""
        if not self.failure.done():
            self.failure.set_result(error.__cause__ or error)
            self.note_change()

    def fail(self, error: BaseException) -> None:
        """Have the worker end: nothing can be brought to its end any more."""
        self.is_broken = True
        if not self.failure.done():
            self.failure.set_result(error)
        self.note_change()

    def guarded(self, step: Callable[..., None]) -> Callable[..., None]:
        """Make a step one that the loop may call, which would only log what it raises."""

        def call(*arguments: Any) -> None:
            try:
                step(*arguments)
            except Exception as error:
                self.fail(error)

        return call

    def note_activity(self) -> None:
        """Note that deliveries were settled."""
        self.last_activity = self._loop.time()
        self.note_change()

    def note_change(self) -> None:
        """Note that a delivery has left or was set aside."""
        self._changed.set()
        self._on_change()

    async def next_change(self) -> None:
        """Wait until something changes."""
        self._changed.clear()
        await self._changed.wait()
