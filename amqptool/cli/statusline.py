"""A line on a terminal that tells what a worker is doing."""

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

from amqptool.cli.sanitize import clean_line
from amqptool.cli.worked import counts

if TYPE_CHECKING:
    from types import TracebackType

    from amqptool.work.worker import Worker

#: Seconds between two looks, and how many looks the rate is an average of.
INTERVAL, LOOKS = 0.25, 20


def shares_terminal() -> bool:
    """Whether stdout is the terminal that stderr is."""
    return sys.stdout.isatty() and os.fstat(sys.stdout.fileno()).st_rdev == os.fstat(sys.stderr.fileno()).st_rdev


class StatusLine:
    """Shows on stderr, while its block runs, what a worker is doing; then it is gone.

    What is printed meanwhile to the same terminal goes above it.
    """

    def __init__(self, worker: Worker, *, color: bool | None = None) -> None:
        self._worker = worker
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
            self._looks.append((time.monotonic(), self._worker.report.handled))
            self._live.update(Text(self._line(), no_wrap=True, overflow="ellipsis"), refresh=True)
            await asyncio.sleep(INTERVAL)

    def _line(self) -> str:
        report, status = self._worker.report, self._worker.status
        parts = [f"{report.handled:,} done", f"{self._rate():,.0f}/s", f"{status.in_flight:,} in flight"]
        parts += [f"{status.held:,} held"] if status.held else []
        parts += counts(report)
        trouble = "" if status.trouble is None else f"; {status.trouble}"
        return f"queue {clean_line(status.queue)}: {', '.join(parts)}{trouble}"

    def _rate(self) -> float:
        """Return how many messages were done in a second, as of late."""
        (began, before), (now, done) = self._looks[0], self._looks[-1]
        return (done - before) / (now - began) if now > began else 0.0
