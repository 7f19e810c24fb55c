"""What became of the items of one input: counted, and written down where wanted."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from types import TracebackType

    from amqptool.errors import AmqptoolError, InputError
    from amqptool.publish.journal import Journal
    from amqptool.publish.outcome import Outcome
    from amqptool.publish.report import Report


class Book(Protocol):
    """One file that tells of outcomes."""

    journal: Journal

    def title(self) -> str:
        """Return the text that must be on disk before anything is sent."""
        ...

    def line(self, outcome: Outcome) -> str:
        """Return what is written about a message."""
        ...

    def bad_line(self, number: int, error: InputError | OSError) -> str:
        """Return what is written about an item that is no message."""
        ...


class Ledger:
    """Takes outcomes in; use it as `async with`, which leaves once all that is to be on disk is there."""

    def __init__(self, report: Report, *books: Book) -> None:
        self.report = report
        self._books = books
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Ledger:
        """Start writing."""
        for book in self._books:
            await self._stack.enter_async_context(book.journal)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is left.

        Raises:
            OSError: something could not be written.
        """
        await self._stack.aclose()

    async def begin(self) -> None:
        """Write what must be on disk before anything is sent.

        Raises:
            OSError: it cannot be written.
        """
        for book in self._books:
            await book.journal.sync(book.title())

    @property
    def added(self) -> int:
        """How many outcomes were taken in."""
        return self.report.confirmed + self.report.failed.total()

    @property
    def refusal(self) -> AmqptoolError | None:
        """Why the first message that was refused for what it is was refused."""
        return self.report.refusal

    @property
    def is_full(self) -> bool:
        """Whether `room` must be awaited before more is added."""
        return bool(self._books) and any(book.journal.is_full for book in self._books)

    @property
    def has_failed(self) -> bool:
        """Whether something could not be written, so that nothing more should be sent."""
        return bool(self._books) and any(book.journal.has_failed for book in self._books)

    async def room(self) -> None:
        """Wait until most of what was added is on disk."""
        for book in self._books:
            await book.journal.room()

    def add(self, outcome: Outcome) -> None:
        """Take in what became of a message."""
        self.report.add(outcome)
        for book in self._books:
            book.journal.add(book.line(outcome))

    def add_bad(self, number: int, error: InputError | OSError) -> None:
        """Take in an item that is no message."""
        self.report.add_bad(error)
        for book in self._books:
            book.journal.add(book.bad_line(number, error))
