"""A progress bar on a terminal."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rich import progress
from rich.console import Console

if TYPE_CHECKING:
    from types import TracebackType

    from amqptool.publish.publisher import Publisher
    from amqptool.publish.report import Report
    from amqptool.publish.sources.interface import Source

#: Seconds between two looks.
INTERVAL = 0.2


class Progress:
    """Shows on stderr, while its block runs, what is confirmed and what is in flight; then it is gone.

    How much is left is known from the size of a file, or from the number of messages, of which `before` were done.
    """

    def __init__(
        self, source: Source, publisher: Publisher, report: Report, *, before: int = 0, color: bool | None = None
    ) -> None:
        self._source = source
        self._publisher = publisher
        self._report = report
        self._before = before
        self._bar = progress.Progress(
            progress.BarColumn(),
            progress.TextColumn("{task.description}", markup=False),
            progress.TimeRemainingColumn(),
            console=Console(stderr=True, no_color=color is False),
            transient=True,
            auto_refresh=False,
        )
        self._task = self._bar.add_task("", total=source.count if source.size is None else source.size)
        self._looking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Progress:
        """Begin to show."""
        self._bar.start()
        self._looking = asyncio.create_task(self._look_again_and_again())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take it off the terminal."""
        if self._looking is not None:
            self._looking.cancel()
        self._bar.stop()

    async def _look_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            self._look()

    def _look(self) -> None:
        report = self._report
        done = self._before + report.confirmed + report.failed.total() + report.bad
        rate = report.confirmed / (self._bar.tasks[0].elapsed or 1)
        self._bar.update(
            self._task,
            completed=done if self._source.size is None else self._source.position,
            description=f"{report.confirmed:,} confirmed, {self._publisher.in_flight:,} in flight, {rate:,.0f}/s",
        )
        self._bar.refresh()
