"""Handlers around another one, which add something to its calls and are otherwise what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.handlers.python import BlockingHandler

if TYPE_CHECKING:
    from amqptool.handlers.interface import Handler


class WrappingHandler:
    """Around an async handler; a subclass handles deliveries."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    @property
    def stops_when_cancelled(self) -> bool:
        """Whether nothing of a call goes on once it was cancelled."""
        return self._handler.stops_when_cancelled

    @property
    def reads_ahead(self) -> bool:
        """Whether many deliveries may wait for their calls."""
        return self._handler.reads_ahead

    async def close(self) -> None:
        """Free what the handler holds."""
        await self._handler.close()


class WrappingBlockingHandler(BlockingHandler):
    """Around a blocking handler; a subclass calls it."""

    def __init__(self, handler: BlockingHandler) -> None:
        self._handler = handler
        self.reads_ahead = handler.reads_ahead

    async def close(self) -> None:
        """Free what the handler holds."""
        await self._handler.close()
