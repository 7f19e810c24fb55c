"""Lines appended to a file behind the event loop's back, in groups, each on disk before the next."""

from __future__ import annotations

import asyncio
import os
import stat
from typing import TYPE_CHECKING

from amqptool.waiting import unless

if TYPE_CHECKING:
    from types import TracebackType

#: Seconds that a group gathers: fewer fsyncs, of which the broker on the same disk needs its own.
GROUP_SECONDS = 0.1
#: How many characters may wait for a slow disk before the caller has to.
MAX_WAITING = 4 * 1024 * 1024


class Journal:
    """Appends to an open file; use it as `async with`, which leaves once everything is on disk.

    An error of the disk ends the writing, and is raised when leaving.
    """

    def __init__(self, descriptor: int, path: str) -> None:
        self._descriptor = descriptor
        self._path = path
        self._is_regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._lines: list[str] = []
        self._waiting = 0
        self._news = asyncio.Event()
        self._closing = asyncio.Event()
        self._room = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Journal:
        """Start the writing."""
        self._writing = asyncio.create_task(self._write_groups())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait until everything is on disk, and close the file."""
        self._closing.set()
        self._news.set()
        try:
            if self._writing is not None:
                await self._writing
        finally:
            os.close(self._descriptor)

    @property
    def is_full(self) -> bool:
        """Whether `room` must be awaited before more is added."""
        return self._waiting >= MAX_WAITING and not self.has_failed

    @property
    def has_failed(self) -> bool:
        """Whether nothing more is written; leaving raises why."""
        return self._writing is not None and self._writing.done()

    def add(self, line: str) -> None:
        """Append a line, soon; nothing is a line of no length."""
        if not line:
            return
        self._lines.append(line)
        self._waiting += len(line)
        self._news.set()

    async def room(self) -> None:
        """Wait until the disk has caught up, or fails."""
        while self.is_full:
            self._room.clear()
            await self._room.wait()

    async def sync(self, line: str) -> None:
        """Append a line and wait until it is on disk; for what must be there before anything else happens.

        Raises:
            OSError: the file cannot be written.
        """
        if line:
            await asyncio.to_thread(self._append, [line])

    async def _write_groups(self) -> None:
        try:
            while self._lines or not self._closing.is_set():
                await self._news.wait()
                self._news.clear()
                lines, self._lines = self._lines, []
                await asyncio.to_thread(self._append, lines)
                self._waiting -= sum(map(len, lines))
                self._room.set()
                await unless(self._closing, asyncio.sleep(GROUP_SECONDS))
        finally:
            asyncio.get_running_loop().call_soon(self._room.set)  # once the task counts as done

    def _append(self, lines: list[str]) -> None:
        data = memoryview("".join(lines).encode())
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
            if self._is_regular:
                os.fsync(self._descriptor)
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._path) from error
