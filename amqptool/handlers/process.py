"""Processes that handle messages: each leads a group of its own, which ends as a whole.

Pipes are made here and not by asyncio: its `wait` does not return while a grandchild holds one of them open.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from amqptool.errors import HandlerError
from amqptool.handlers.interface import StopWork
from amqptool.tracing import TRACE_VARIABLES

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Callable, Mapping, Sequence

#: Seconds between asking a group to end (SIGTERM) and ending it (SIGKILL).
KILL_AFTER = 1.0
#: Bytes of output that are kept, from its end.
KEPT_OUTPUT = 65_536
#: Characters of output in the text of an error.
SHOWN_OUTPUT = 800

#: Reads that empty a pipe of the largest size that an ordinary user may give it.
_PIPE_READS = 16
_NO_PROGRAM = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ENOEXEC)
_OUR_VARIABLES = ("AMQPTOOL_", "AMQP_URL")


def inherited(environ: Mapping[str, str]) -> dict[bytes, bytes]:
    """Return the environment of a handler's process: ours without amqptool's settings, which may hold passwords.

    Nor is it told that it is part of our trace, since messages have their own.
    """
    return {
        os.fsencode(name): os.fsencode(value)
        for name, value in environ.items()
        if not name.upper().startswith(_OUR_VARIABLES) and name not in TRACE_VARIABLES
    }


async def start(
    argv: Sequence[str], environ: Mapping[bytes, bytes], *, stdin: int, stdout: int, stderr: int
) -> Process:
    """Start a process as the leader of a new group, without a terminal.

    Raises:
        StopWork: there is no such program, or it is none.
        OSError: there is no room for another process.
    """
    try:
        return await asyncio.create_subprocess_exec(
            *argv, env=environ, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True
        )
    except OSError as error:
        if error.errno not in _NO_PROGRAM:
            raise
        raise StopWork from HandlerError(f"handler {argv[0]!r} cannot be run: {error.strerror}")


async def stop(process: Process) -> None:
    """End the group of a process, and wait for the process itself."""
    try:
        if process.returncode is None:
            _signal(process, signal.SIGTERM)
            with suppress(TimeoutError):
                async with asyncio.timeout(KILL_AFTER):
                    await process.wait()
    finally:
        _signal(process, signal.SIGKILL)  # also what it has left behind
    await process.wait()


def _signal(process: Process, number: signal.Signals) -> None:
    # No other process has the id: the kernel does not give it away while a group is called by it.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


class Tail:
    """A pipe that somebody else writes to; it is always read, told to `on_read`, and only the end is kept."""

    def __init__(self, on_read: Callable[[str], None] | None = None) -> None:
        self._on_read = on_read
        self._loop = asyncio.get_running_loop()
        self._reader, self.writer = os.pipe()
        os.set_blocking(self._reader, False)
        self._kept = bytearray()
        self._loop.add_reader(self._reader, self._read)

    def started(self) -> None:
        """Leave the writing to the process that has it now."""
        os.close(self.writer)
        self.writer = -1

    def close(self) -> None:
        """Take what is there already, and nothing after it: a grandchild may hold the pipe for ever."""
        if self.writer >= 0:
            self.started()
        self._loop.remove_reader(self._reader)
        for _ in range(_PIPE_READS):
            if not self._read():
                break
        os.close(self._reader)

    def text(self) -> str:
        """Return what was kept."""
        return self._kept.decode("utf-8", "replace").strip()

    def _read(self) -> bool:
        try:
            chunk = os.read(self._reader, KEPT_OUTPUT)
        except BlockingIOError:
            return False
        if not chunk:
            self._loop.remove_reader(self._reader)
        if chunk and self._on_read is not None:
            self._on_read(chunk.decode("utf-8", "replace").rstrip())
        self._kept += chunk
        del self._kept[:-KEPT_OUTPUT]
        return bool(chunk)
