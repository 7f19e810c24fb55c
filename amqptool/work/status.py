"""What a worker is doing at one moment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkStatus:
    """A look at a running worker; what it has done so far is in its report."""

    queue: str
    prefetch: int
    #: Connected, and its consumer is open.
    consuming: bool = False
    stopping: bool = False
    #: The dedup store takes what it is told; true also without one.
    store_works: bool = True
    #: Un-acked messages on their way: waiting for a handler, with one, or being settled.
    in_flight: int = 0
    #: Un-acked messages that wait: for another attempt in place, or for another worker that has them.
    held: int = 0

    @property
    def trouble(self) -> str | None:
        """Why it takes no work at the moment, in one line; None when it does."""
        if self.stopping:
            return "stopping"
        if not self.consuming:
            return "not consuming: no connection to the broker"
        if not self.store_works:
            return "the dedup store fails: all messages are held un-acked"
        return None
