"""A warning when messages that wait leave little room for others."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

#: Seconds between two looks, and from one warning to the next.
LOOK_INTERVAL, WARNING_INTERVAL = 1.0, 60.0


class Crowding:
    """Warns while more than half of the prefetch window is held, at most once a minute."""

    def __init__(self, queue: str, prefetch: int) -> None:
        self._queue = queue
        self._prefetch = prefetch
        self._next_look = 0.0

    def look(self, now: float, held: Callable[[], int]) -> None:
        """Look, if it is time to, how many messages are held; `now` is a clock's seconds."""
        if now < self._next_look:
            return
        count = held()
        is_crowded = count * 2 > self._prefetch
        self._next_look = now + (WARNING_INTERVAL if is_crowded else LOOK_INTERVAL)
        if is_crowded:
            log.warning(
                "queue %r: %d of at most %d messages in hand are held for later and keep others out; "
                "wait queues for failed messages, or a larger prefetch, make room",
                self._queue,
                count,
                self._prefetch,
                extra={"queue": self._queue, "held": count, "prefetch": self._prefetch},
            )
