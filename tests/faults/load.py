"""What a world is to work off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tests.faults.stores import StoreName
from tests.faults.workers import PAUSING

QueueType = Literal["classic", "quorum"]

#: How much of their time handlers work, and seconds that one works at most.
_BUSY, _LONGEST_PAUSE = 0.5, 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a world is to work off, and with which store."""

    messages: int
    seed: int
    #: Messages that are published in a second.
    rate: int
    queue_type: QueueType = "classic"
    store: StoreName = "sqlite"

    @property
    def pause(self) -> float:
        """Seconds that a handler takes on average, so that most of them are always at work."""
        return min(_LONGEST_PAUSE, _BUSY * PAUSING / self.rate)
