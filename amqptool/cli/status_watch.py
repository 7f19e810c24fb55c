"""How queues are doing, on a terminal that is looked at for longer."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, NoReturn

from rich.console import Console, Group
from rich.live import Live

from amqptool.cli.live import cut, shares_terminal
from amqptool.cli.output import counted
from amqptool.cli.sanitize import clean_line, without_passwords
from amqptool.cli.status_table import sparkline, status_table
from amqptool.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.broker.status import Limits, QueueStatus
    from amqptool.cli.status_lookout import Lookout

#: How many looks a sparkline shows.
LOOKS = 16
#: Lines that are no queue: the title, the titles of the columns, what is left out, and the cursor's.
_OTHER_LINES = 4


class Watch:
    """A table that is looked up again and again; what fails is told below it, and tried again."""

    def __init__(
        self,
        lookout: Lookout,
        *,
        limits: Limits,
        interval: float,
        color: bool | None,
    ) -> None:
        self._lookout = lookout
        self._limits = limits
        self._interval = interval
        self._console = Console(no_color=color is False)
        self._queues: Sequence[QueueStatus] = ()
        self._depths: dict[str, deque[int]] = {}
        self._failure = ""

    async def run(self) -> NoReturn:
        """Show it until cancelled; the last table stays."""
        live = Live(console=self._console, auto_refresh=False, redirect_stdout=False, redirect_stderr=shares_terminal())
        with live:
            while True:
                began = time.monotonic()
                await self._look_again()
                live.update(self._picture(), refresh=True)
                await asyncio.sleep(max(0.0, began + self._interval - time.monotonic()))

    async def _look_again(self) -> None:
        try:
            self._queues = await self._lookout.look()
        except BrokerError as error:
            self._failure = f"trying again: {without_passwords(str(error))}"
            return
        self._failure = ""
        before = self._depths
        self._depths = {queue.name: before.get(queue.name, deque(maxlen=LOOKS)) for queue in self._queues}
        for queue in self._queues:
            self._depths[queue.name].append(queue.depth or 0)

    def _picture(self) -> Group:
        room = max(1, self._console.height - _OTHER_LINES - bool(self._failure))
        shown, now = self._queues[:room], time.time()
        bad = self._limits.judge(self._queues, now).breaches
        titles, *rows = status_table(shown, now, self._trends(shown)).split("\n")
        lines = [cut(self._heading(len(bad))), cut(titles, "bold")]
        lines += [cut(row, "red" if queue.name in bad else "") for queue, row in zip(shown, rows, strict=True)]
        left_out = len(self._queues) - len(shown)
        lines += [cut(f"… and {left_out:,} more", "dim")] if left_out else []
        lines += [cut(clean_line(self._failure), "red")] if self._failure else []
        return Group(*lines)

    def _heading(self, bad: int) -> str:
        ready = sum(queue.ready or 0 for queue in self._queues)
        unacked = sum(queue.unacked or 0 for queue in self._queues)
        beyond = f", {bad:,} beyond limits" if bad else ""
        holds = f"{counted(len(self._queues), 'queue')}, {ready:,} ready, {unacked:,} un-acked{beyond}"
        return f"{time.strftime('%H:%M:%S')}  {clean_line(self._lookout.url.address)}: {holds}"

    def _trends(self, queues: Sequence[QueueStatus]) -> dict[str, str] | None:
        if not (sys.stdout.encoding or "").lower().startswith("utf"):
            return None
        return {queue.name: sparkline(self._depths[queue.name]) for queue in queues}
