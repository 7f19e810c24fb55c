"""What every kind of handler does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from amqptool.message import Delivery


class StopWork(Exception):
    """Raised by a handler that can do no work at all any more: its message goes back, the worker ends.

    The worker raises the cause, as in `raise StopWork from error`.
    """


class Reject(Exception):
    """Raised by a handler for a message that no further attempt can help: it goes to the dead-letter queue.

    Without a dead-letter queue it stays in its queue, as after any other failure.
    """


class MissingId(Reject):
    """A message without an id by which it could be told from its repetition, rejected without calling a handler."""


class Handler(Protocol):
    """Does the work for one delivery at a time, or for several when asked concurrently."""

    @property
    def stops_when_cancelled(self) -> bool:
        """Whether nothing of a call goes on once it was cancelled."""
        ...

    async def handle(self, delivery: Delivery) -> None:
        """Handle a delivery; returning means done, any exception is a failed attempt."""
        ...

    def close(self) -> None:
        """Free what the handler holds; calls that are running may go on."""
        ...
