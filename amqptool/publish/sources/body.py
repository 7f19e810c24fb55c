"""One body, once or many times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Iterator, Mapping

    from amqptool.publish.sources.interface import Item, Source


class BodySource:
    """A body that is at hand."""

    is_stream = False
    size = None
    position = 0

    def __init__(self, body: bytes) -> None:
        self.count = 1
        self._body = body

    async def items(self, stop: asyncio.Event) -> AsyncIterator[tuple[int, Item]]:
        """Give the body."""
        if not stop.is_set():
            yield 1, self._body

    def left(self) -> Iterator[tuple[int, Item]]:
        """Give nothing: nothing is read ahead."""
        return iter(())

    def name(self, number: int) -> str:
        """Return the number."""
        return str(number)

    def place(self, number: int) -> str:
        """Return the number in words."""
        return f"message {number}"

    def where(self, number: int) -> str:
        """Return the number."""
        return f'"number": {number}'

    def identity(self) -> Mapping[str, Any]:
        """Return the digest of the body."""
        from amqptool.publish.sources.digest import sha256

        return {"sha256": sha256(self._body)}


class RepeatedSource:
    """The first item of a source, many times."""

    size = None
    position = 0

    def __init__(self, source: Source, count: int) -> None:
        self.is_stream = source.is_stream
        self.count = count
        self._source = source

    async def items(self, stop: asyncio.Event) -> AsyncIterator[tuple[int, Item]]:
        """Read the item once, and give it again and again."""
        async for _, item in self._source.items(stop):
            times = self.count if isinstance(item, bytes) else 1  # what is wrong is wrong each time
            for number in range(1, times + 1):
                if stop.is_set():
                    return
                yield number, item
            return

    def left(self) -> Iterator[tuple[int, Item]]:
        """Give nothing: nothing is read ahead."""
        return iter(())

    def name(self, number: int) -> str:
        """Return the number."""
        return str(number)

    def place(self, number: int) -> str:
        """Return the number in words."""
        return f"message {number}"

    def where(self, number: int) -> str:
        """Return the number."""
        return f'"number": {number}'

    def identity(self) -> Mapping[str, Any]:
        """Return what the item is known by, and how many times it goes."""
        return {**self._source.identity(), "count": self.count}
