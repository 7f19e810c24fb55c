"""Crash points within a process: boundaries that it has anyway, by name.

A process that is to end at one of them is told so in AMQPTOOL_CRASH_AT, such as `after-effect:3`: when it comes there
for the third time. Only the handlers and the dedup store that tests give it know of this.
"""

from __future__ import annotations

import os
from collections import Counter
from enum import Enum
from functools import cache
from threading import Lock

from tests.support.processes import die

#: The variable that names the crash point of a process.
CRASH_AT = "AMQPTOOL_CRASH_AT"


class Point(Enum):
    """A boundary within a process."""

    BEFORE_CLAIM = "before-claim"
    AFTER_CLAIM = "after-claim"
    BEFORE_EFFECT = "before-effect"
    AFTER_EFFECT = "after-effect"
    BEFORE_DONE = "before-done"
    AFTER_DONE = "after-done"
    BEFORE_RELEASE = "before-release"
    AFTER_RELEASE = "after-release"
    BEFORE_DISCARD = "before-discard"
    AFTER_DISCARD = "after-discard"

    def at(self, number: int) -> str:
        """Name the crash point of a process that comes here for the so-many-th time."""
        return f"{self.value}:{number}"


class Fate:
    """Ends its process, as a power cut would, at a crash point."""

    def __init__(self, crash_at: str) -> None:
        self._crash_at = crash_at
        self._counts: Counter[Point] = Counter()
        self._lock = Lock()  # handlers come from several threads

    def come_to(self, point: Point) -> None:
        """Note that the process has come to a point; this does not return if it is the end."""
        with self._lock:
            self._counts[point] += 1
            if point.at(self._counts[point]) == self._crash_at:
                die()


@cache
def fate() -> Fate:
    """Return the fate of this process."""
    return Fate(os.environ.get(CRASH_AT, ""))
