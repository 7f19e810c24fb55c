"""A progress bar on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import progress

from amqptool.cli.live import LiveView

if TYPE_CHECKING:
    from amqptool.publish.publisher import Publisher
    from amqptool.publish.report import Report
    from amqptool.publish.sources.interface import Source

#: Seconds between two looks.
INTERVAL = 0.2


class Progress(LiveView):
    """Shows on stderr what is confirmed and what is in flight.

    How much is left is known from the size of a file, or from the number of messages, of which `before` were done.
    """

    def __init__(
        self, source: Source, publisher: Publisher, report: Report, *, before: int = 0, color: bool | None = None
    ) -> None:
        super().__init__(self._bar, interval=INTERVAL, on_stderr=True, color=color)
        self._source = source
        self._publisher = publisher
        self._report = report
        self._before = before
        self._progress = progress.Progress(
            progress.BarColumn(),
            progress.TextColumn("{task.description}", markup=False),
            progress.TimeRemainingColumn(),
            console=self._console,
        )
        self._task = self._progress.add_task("", total=source.count if source.size is None else source.size)

    def _bar(self) -> progress.Progress:
        report = self._report
        done = self._before + report.confirmed + report.failed.total() + report.bad
        rate = report.confirmed / (self._progress.tasks[0].elapsed or 1)
        self._progress.update(
            self._task,
            completed=done if self._source.size is None else self._source.position,
            description=f"{report.confirmed:,} confirmed, {self._publisher.in_flight:,} in flight, {rate:,.0f}/s",
        )
        return self._progress
