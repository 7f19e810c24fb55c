"""Whether a worker is to stop, and why."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from amqptool.waiting import unless

if TYPE_CHECKING:
    from amqptool.work.report import WorkReport

log = logging.getLogger(__name__)


class Stopping:
    """Tells the parts of a worker that it is to stop, or that something else has changed; the report has the reason."""

    def __init__(self, report: WorkReport) -> None:
        self._report = report
        #: Set from when it is to stop.
        self.begun = asyncio.Event()
        self._changed = asyncio.Event()

    def begin(self, reason: str) -> None:
        """Ask for it; the first reason stays."""
        if not self.begun.is_set():
            log.info("stopping (%s)", reason)
            self._report.stopped_by = reason
            self.begun.set()
            self.note_change()

    async def pause(self, seconds: float) -> None:
        """Wait, but no longer than until it is to stop."""
        await unless(self.begun, asyncio.sleep(seconds))

    def note_change(self) -> None:
        """Wake who waits for a change."""
        self._changed.set()

    async def next_change(self) -> None:
        """Wait until something changes from now on."""
        self._changed.clear()
        await self._changed.wait()
