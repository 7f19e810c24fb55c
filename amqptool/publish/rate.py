"""When messages go: at a steady rate, a token bucket, or as they were recorded; without a clock of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

#: Seconds' worth of messages that may go at once, to make up for a loop that woke late.
SLACK = 0.1

_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(?:/([smh]))?")
_SECONDS = {None: 1, "s": 1, "m": 60, "h": 3600}


def per_second(text: str) -> float | None:
    """Return the messages per second of `100/s`, `30/m`, `5/h` or `100`, or None."""
    match = _RATE.fullmatch(text)
    rate = float(match[1]) / _SECONDS[match[2]] if match else 0.0
    return rate or None


class Pace:
    """Says for each message how long to wait, so that no more than so many go per second."""

    def __init__(self, per_second: float) -> None:
        self._interval = 1 / per_second
        self._due: float | None = None

    def wait(self, now: float) -> float:
        """Count one message in and return the seconds until it may go."""
        due = now if self._due is None else max(self._due, now - SLACK)
        self._due = due + self._interval
        return max(0.0, due - now)


class Playback:
    """Says for each message how long to wait, so that all go as they were recorded, `speed` times as fast.

    Each has its time from the first one on, so that what comes late does not make the rest later. One that was recorded
    before the first, as in files put behind each other, goes at once.
    """

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._first: tuple[float, datetime] | None = None

    def wait(self, now: float, received_at: datetime) -> float:
        """Return the seconds until a message may go that was received at this time."""
        if self._first is None:
            self._first = (now, received_at)
        began, first = self._first
        return max(0.0, began + (received_at - first).total_seconds() / self._speed - now)
