"""Looking again and again, until something is there or time is over."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from amqptool.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.errors import BrokerUnavailable

#: The longest is what a command that is waited for may be late.
BACKOFF = Backoff(first=0.1, longest=2.0)
#: Seconds that even the last attempt is given, by which it may be late.
LAST_ATTEMPT = 0.3


def _tell_nobody(_text: str) -> None:
    """Do nothing."""


class Patience:
    """Pauses between attempts, for so many seconds as a whole; made when the first attempt begins.

    `tell` is called with the reason of a pause, once for each reason in a row.
    """

    def __init__(self, seconds: float, tell: Callable[[str], None] = _tell_nobody) -> None:
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + seconds
        self._tell = tell
        self._subject: str | None = None
        #: Of the last pause.
        self.reason: BrokerUnavailable | None = None
        self._failures = 0

    @property
    def end(self) -> float:
        """When the last attempt is over, by the clock of the event loop."""
        return self._deadline + LAST_ATTEMPT

    @property
    def left(self) -> float:
        """Seconds for one attempt."""
        return max(self._deadline - self._loop.time(), LAST_ATTEMPT)

    async def pause(self, reason: BrokerUnavailable, subject: str | None = None) -> None:
        """Wait a moment; what is waited for is the same as before if the `subject`, else the reason, is.

        Raises:
            BrokerUnavailable: the reason itself, when time is over.
        """
        self.reason = reason
        left = self._deadline - self._loop.time()
        if left <= 0:
            raise reason
        subject = str(reason) if subject is None else subject
        if subject != self._subject:
            self._subject, self._failures = subject, 0
            self._tell(f"waiting: {reason}")
        self._failures += 1
        pause = BACKOFF.after(self._failures, random.random())  # noqa: S311  # jitter, no secret
        await asyncio.sleep(min(pause, left))
