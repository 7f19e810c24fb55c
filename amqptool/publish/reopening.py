"""A publisher that is there when it is needed, and made anew when the one before has ended for good."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.publish.publisher import Publisher


class ReopeningPublisher:
    """Opens a publisher when it is first asked for, and another one when that is over."""

    def __init__(self, make: Callable[[], Publisher]) -> None:
        self._make = make
        self._publisher: Publisher | None = None
        self._opening = asyncio.Lock()

    async def opened(self) -> Publisher:
        """Return the open publisher; see `Publisher.open` for the errors."""
        async with self._opening:
            if self._publisher is not None and self._publisher.is_over:
                await self.close(settle=False)
            if self._publisher is None:
                publisher = self._make()
                await publisher.open()
                self._publisher = publisher
            return self._publisher

    def abandon(self) -> None:
        """Stop waiting, as `Publisher.abandon` does."""
        if self._publisher is not None:
            self._publisher.abandon()

    async def close(self, *, settle: bool = True) -> None:
        """Close the publisher, if there is one; see `Publisher.close`."""
        if self._publisher is not None:
            await self._publisher.close(settle=settle)
            self._publisher = None
