"""The figures of one queue, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

#: Beyond this, a timestamp is in milliseconds, as some publishers have it: in seconds, it is the year 5138.
_MILLISECONDS_FROM = 10**11


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStatus:
    """What a queue holds and what flows through it; None is what could not be asked, or is not known."""

    name: str
    ready: int | None
    consumers: int | None
    unacked: int | None = None
    #: Bytes of all bodies.
    size: int | None = None
    #: Messages per second that come in.
    incoming: float | None = None
    #: Messages per second that leave for good: acknowledged, or delivered without waiting for an ack.
    outgoing: float | None = None
    #: Seconds since the epoch, as the publisher of the oldest ready message gave them.
    head_timestamp: int | None = None
    #: running, idle, down, …; empty where it is not known.
    state: str = ""

    @property
    def depth(self) -> int | None:
        """All messages, ready and un-acked, as far as they are seen."""
        return None if self.ready is None else self.ready + (self.unacked or 0)

    @property
    def is_well(self) -> bool:
        """Whether the queue can be used, for all that is known."""
        return self.state in ("", "running", "idle", "flow")  # flow: it slows its publishers down

    @property
    def seconds_to_drain(self) -> float | None:
        """How long until it is empty, if all goes on like this: `inf` if never, None if nothing goes on."""
        depth = self.depth
        if not depth or not (self.incoming or self.outgoing):
            return None
        pace = (self.outgoing or 0) - (self.incoming or 0)
        return depth / pace if pace > 0 else inf

    def age(self, now: float) -> float | None:
        """Return the seconds since the oldest ready message was published; `now` is seconds since the epoch."""
        if self.head_timestamp is None:
            return None
        since = self.head_timestamp / 1000 if self.head_timestamp > _MILLISECONDS_FROM else self.head_timestamp
        return max(now - since, 0.0)
