"""What every kind of handler does."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from amqptool.message import Delivery


class StopWork(Exception):
    """Raised by a handler that can do no work at all any more: its message goes back, the worker ends.

    The worker raises the cause, as in `raise StopWork from error`.
    """


class Retry(Exception):
    """Raised by a handler to ask for another attempt, `after` so many seconds or more.

    It is a failed attempt like any other, so after the last one the message goes to the dead-letter queue.
    """

    def __init__(self, reason: str = "", *, after: float | None = None) -> None:
        if after is not None and not 0 <= after < inf:
            raise ValueError("`after` is a number of seconds, from 0")
        super().__init__(reason)
        self.after = None if after is None else float(after)


class Reject(Exception):
    """Raised by a handler for a message that no further attempt can help: it goes to the dead-letter queue.

    Without a dead-letter queue it stays in its queue, as after any other failure.
    """


class Interrupted(Reject):
    """A message in each of whose attempts the worker's process died, rejected without calling a handler again."""


class MissingId(Reject):
    """A message without an id by which it could be told from its repetition, rejected without calling a handler."""


@runtime_checkable
class Handler(Protocol):
    """Does the work for one delivery at a time, or for several when asked concurrently."""

    @property
    def stops_when_cancelled(self) -> bool:
        """Whether nothing of a call goes on once it was cancelled."""
        ...

    @property
    def reads_ahead(self) -> bool:
        """Whether calls are so short that many deliveries may wait for theirs, rather than go to other workers."""
        ...

    async def handle(self, delivery: Delivery) -> None:
        """Handle a delivery; returning means done, any exception is a failed attempt."""
        ...

    async def close(self) -> None:
        """Free what the handler holds; calls in threads may go on."""
        ...
