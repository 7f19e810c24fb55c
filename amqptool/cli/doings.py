"""What a command is doing, told to a person at a terminal in a line while it lasts."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from amqptool.cli.sanitize import clean_line
from amqptool.cli.worked import counts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amqptool.cli.context import Context
    from amqptool.dead.replay import ReplayReport
    from amqptool.work.worker import Worker


class Doing(Protocol):
    """What is being done."""

    @property
    def done(self) -> int:
        """How many messages are done by now, of which the rate is told."""
        ...

    def line(self, rate: float) -> str:
        """Return a line about it, with so many messages a second."""
        ...


class Working:
    """A worker works off its queue."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    @property
    def done(self) -> int:
        """Those handled."""
        return self._worker.report.handled

    def line(self, rate: float) -> str:
        """Return a line about it."""
        report, status = self._worker.report, self._worker.status
        parts = [f"{report.handled:,} done", f"{rate:,.0f}/s", f"{status.in_flight:,} in flight"]
        parts += [f"{status.held:,} held"] if status.held else []
        parts += counts(report)
        trouble = "" if status.trouble is None else f"; {status.trouble}"
        return f"queue {clean_line(status.queue)}: {', '.join(parts)}{trouble}"


class Replaying:
    """Dead letters are looked at, and those that are meant are sent again."""

    def __init__(self, queue: str, report: ReplayReport, *, dry_run: bool) -> None:
        self._queue = queue
        self._report = report
        self._verb = "would be replayed" if dry_run else "replayed"

    @property
    def done(self) -> int:
        """Those looked at."""
        return self._report.looked_at

    def line(self, rate: float) -> str:
        """Return a line about it."""
        report = self._report
        parts = [f"{report.looked_at:,} looked at", f"{rate:,.0f}/s", f"{report.replayed.total():,} {self._verb}"]
        failed = report.outcomes.failed.total()
        parts += [f"{failed:,} failed"] if failed else []
        return f"queue {clean_line(self._queue)}: {', '.join(parts)}"


@contextmanager
def shown(context: Context, doing: Doing) -> Iterator[None]:
    """Show it while a block runs on the event loop, if there is a person who wants to see it."""
    if context.json or context.logs_json or context.quiet or not sys.stderr.isatty():
        yield
        return
    from amqptool.cli.statusline import StatusLine

    with StatusLine(doing, color=context.output.color) as line:
        line.begin()
        yield
