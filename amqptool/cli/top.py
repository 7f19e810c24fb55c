"""A table on a terminal that tells what goes by which exchange and routing key."""

from __future__ import annotations

import asyncio
import shutil
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.text import Text

from amqptool.cli.tapping import top_table

if TYPE_CHECKING:
    from types import TracebackType

    from amqptool.work.rates import RecentRates

#: Seconds between two looks.
INTERVAL = 1.0
#: Lines of the terminal that are not rows: the titles, and one for the cursor.
_OTHER_LINES = 2


class Top:
    """Shows on stdout, until its block is over, as many rows as fit, the most frequent first; then it is gone.

    It shows nothing before `begin`, so that what is said until then has its place.
    """

    def __init__(self, rates: RecentRates, *, color: bool | None = None) -> None:
        self._rates = rates
        self._console = Console(no_color=color is False)
        self._live = Live(console=self._console, transient=True, auto_refresh=False, redirect_stderr=False)
        self._looking: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin to show; to be called on the event loop."""
        self._live.start()
        self._console.show_cursor(True)  # a second Ctrl-C ends the process without bringing it back
        self._looking = asyncio.create_task(self._look_again_and_again())

    def __enter__(self) -> Top:
        """Do nothing yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take it off the terminal."""
        if self._looking is not None:
            self._looking.cancel()
            self._live.stop()

    async def _look_again_and_again(self) -> None:
        while True:
            rows = self._rates.look(time.monotonic())[: shutil.get_terminal_size().lines - _OTHER_LINES]
            self._live.update(Text(top_table(rows), no_wrap=True, overflow="ellipsis"), refresh=True)
            await asyncio.sleep(INTERVAL)
