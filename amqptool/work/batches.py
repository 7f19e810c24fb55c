"""A queue that hands out all it has at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Batches(Generic[T]):
    """Collects items while their consumer is busy, so that its next transaction takes them together."""

    def __init__(self) -> None:
        self._items: list[T] = []
        self._news = asyncio.Event()
        self._closed = False

    def put(self, item: T) -> None:
        """Add an item."""
        self._items.append(item)
        self._news.set()

    def keep(self, wanted: Callable[[T], bool]) -> None:
        """Forget the items that are not wanted any more."""
        self._items = [item for item in self._items if wanted(item)]

    def close(self) -> None:
        """Say that nothing more will come."""
        self._closed = True
        self._news.set()

    async def take(self) -> list[T]:
        """Wait for items and return all of them; an empty list is the end."""
        while not self._items and not self._closed:
            self._news.clear()
            await self._news.wait()
        return self.rest()

    def rest(self) -> list[T]:
        """Return the items that are there."""
        items, self._items = self._items, []
        return items
