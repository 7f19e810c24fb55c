"""A line on a terminal that tells what a command is doing."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import deque
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.text import Text

if TYPE_CHECKING:
    from types import TracebackType

    from amqptool.cli.doings import Doing

#: Seconds between two looks, and how many looks the rate is an average of.
INTERVAL, LOOKS = 0.25, 20


def shares_terminal() -> bool:
    """Whether stdout is the terminal that stderr is."""
    return sys.stdout.isatty() and os.fstat(sys.stdout.fileno()).st_rdev == os.fstat(sys.stderr.fileno()).st_rdev


class StatusLine:
    """Shows on stderr, while its block runs, what is being done; then it is gone.

    What is printed meanwhile to the same terminal goes above it.
    """

    def __init__(self, doing: Doing, *, color: bool | None = None) -> None:
        self._doing = doing
        self._looks: deque[tuple[float, int]] = deque(maxlen=LOOKS)
        self._console = Console(stderr=True, no_color=color is False)
        self._live = Live(console=self._console, transient=True, auto_refresh=False, redirect_stdout=shares_terminal())
        self._looking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> StatusLine:
        """Begin to show."""
        self._live.start()
        self._console.show_cursor(True)  # a second Ctrl-C ends the process without bringing it back
        self._looking = asyncio.create_task(self._look_again_and_again())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take it off the terminal."""
        if self._looking is not None:
            self._looking.cancel()
        self._live.stop()

    async def _look_again_and_again(self) -> None:
        while True:
            self._looks.append((time.monotonic(), self._doing.done))
            self._live.update(Text(self._doing.line(self._rate()), no_wrap=True, overflow="ellipsis"), refresh=True)
            await asyncio.sleep(INTERVAL)

    def _rate(self) -> float:
        """Return how many messages were done in a second, as of late."""
        (began, before), (now, done) = self._looks[0], self._looks[-1]
        return (done - before) / (now - began) if now > began else 0.0
