"""What a source is: one more input mode is one more of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from amqptool.errors import InputError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Iterator, Mapping

#: A source's item: its bytes, or why it has none.
Item: TypeAlias = bytes | InputError | OSError


class Source(Protocol):
    """Numbered items, from 1; the same ones each time it is read, unless it is a stream."""

    @property
    def is_stream(self) -> bool:
        """Whether it is a pipe, a terminal or a socket, and what was read of it is gone."""
        ...

    @property
    def count(self) -> int | None:
        """How many items there are, where that is known."""
        ...

    @property
    def size(self) -> int | None:
        """How many bytes there are, where that is known."""
        ...

    @property
    def position(self) -> int:
        """How many bytes have been read, where `size` is known."""
        ...

    def items(self, stop: asyncio.Event) -> AsyncIterator[tuple[int, Item]]:
        """Read the items one after the other, ending early when `stop` is set.

        Raises:
            InputError: stdin is closed.
            OSError: there is nothing to read, or it cannot be read on.
        """
        ...

    def left(self) -> Iterator[tuple[int, Item]]:
        """Give the items of a stream that were read and that `items`, ended early, did not give.

        Part of one may be an error that says so.
        """
        ...

    def name(self, number: int) -> str:
        """Return what tells an item from the others of its source: its number, or its path."""
        ...

    def place(self, number: int) -> str:
        """Return where an item is, as people are told."""
        ...

    def where(self, number: int) -> str:
        """Return where an item is, as receipts say it: members of a JSON object."""
        ...

    def identity(self) -> Mapping[str, Any]:
        """Return what changes whenever an item does.

        Raises:
            OSError: the source cannot be read.
        """
        ...
