"""Event loops whose clock a test moves: nothing sleeps, and a test knows when nothing more can happen."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Sequence
from math import inf

#: Of floats of this size, sums and differences are far more exact than a loop's clock resolution.
_START = 1000.0


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = _START

    def __call__(self) -> float:
        return self.now


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop by a clock of the test's, which runs for as long as there is something to do."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timeout: float | None = None
        super().__init__(_Impatient(self._idle))

    def time(self) -> float:
        """Return the clock's time."""
        return self._clock()

    def until_idle(self) -> None:
        """Run until nothing is left to do at this time."""
        self.run_forever()

    def turn(self) -> None:
        """Run what is ready, and nothing that this makes ready."""
        self.call_soon(self.stop)
        self.run_forever()

    @property
    def due(self) -> float:
        """When there will be something to do, as it was seen when it was last idle."""
        return inf if self._timeout is None else self._clock() + self._timeout

    def _idle(self, timeout: float | None) -> None:
        self._timeout = timeout
        self.stop()


class _Impatient(selectors.DefaultSelector):
    """Says so instead of waiting."""

    def __init__(self, on_idle: Callable[[float | None], None]) -> None:
        super().__init__()
        self._on_idle = on_idle

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if timeout != 0 and not events:
            self._on_idle(timeout)
        return events


def advance(clock: Clock, seconds: float, loops: Callable[[], Sequence[VirtualLoop]]) -> None:
    """Let time pass, and at each time that one of the loops waits for, let all of them run."""
    target = clock.now + seconds
    while True:
        for loop in loops():
            loop.until_idle()
        due = min((loop.due for loop in loops()), default=inf)
        clock.now = min(due, target)
        if due > target:
            return
