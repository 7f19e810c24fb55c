"""How often progress is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds between two words of progress.
TELL_EVERY = 1.0


class Progress:
    """Tells numbers as they grow, the first one at once and then one in a second at most."""

    def __init__(self, tell: Callable[[int], object], clock: Callable[[], float]) -> None:
        self._tell = tell
        self._clock = clock
        self._next_at = float("-inf")

    def reach(self, number: int) -> None:
        """Tell a number, unless it is too soon."""
        now = self._clock()
        if now >= self._next_at:
            self._next_at = now + TELL_EVERY
            self._tell(number)
