"""Bytes from files and streams, without ever blocking the event loop."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from amqptool.errors import InputError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

#: Bytes read at a time.
CHUNK = 64 * 1024
#: RabbitMQ's own highest limit for a message (`max_message_size`); a longer line is no message.
MAX_BODY = 128 * 1024 * 1024
#: The path that means stdin.
STDIN = "-"


async def read_all(path: str, stop: asyncio.Event) -> bytes | None:
    """Read a file, or stdin for `-`, as one body; None when told to stop before its end.

    Raises:
        InputError: it is larger than any message may be, or stdin is closed.
        OSError: it cannot be read.
    """
    body, is_whole = bytearray(), False
    async for chunk in read_chunks(path, stop):
        body += chunk
        is_whole = not chunk
        if len(body) > MAX_BODY:
            raise too_large()
    return bytes(body) if is_whole else None


async def read_chunks(path: str, stop: asyncio.Event) -> AsyncIterator[bytes]:
    """Read a file, or stdin for `-`, in pieces, the last one empty; setting `stop` ends them early, without that.

    What can be read in the very turn in which `stop` is set comes, too.

    Raises:
        InputError: stdin is closed.
        OSError: it cannot be read.
    """
    # Without O_NONBLOCK, opening a named pipe waits for its writer, and the whole loop with it.
    descriptor = _stdin() if path == STDIN else os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        waits = _has_to_wait(descriptor)
        while not stop.is_set():
            if waits and not await _readable(descriptor, stop):
                return
            chunk = os.read(descriptor, CHUNK)
            yield chunk
            if not chunk:
                return
    except OSError as error:
        raise OSError(error.errno, error.strerror, shown(path)) from error
    finally:
        if path != STDIN:
            os.close(descriptor)


def is_stream(path: str) -> bool:
    """Whether what has been read of a path is gone: stdin always counts as such."""
    if path == STDIN:
        return True
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return False  # reading it will say why
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def too_large() -> InputError:
    """Return the error of an item that no broker would take."""
    return InputError(f"larger than the {MAX_BODY // 1024**2} MiB that any broker takes")


def shown(path: str) -> str:
    """Return a path as people are told it."""
    return "stdin" if path == STDIN else path


def _stdin() -> int:
    if sys.stdin is None:
        raise InputError("stdin is closed")
    return sys.stdin.fileno()


def _has_to_wait(descriptor: int) -> bool:
    """Whether reading may have to wait: pipes, sockets and terminals, but no files."""
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)


async def _readable(descriptor: int, stop: asyncio.Event) -> bool:
    """Wait until there is something to read; False when told to stop before that."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    waiters = [asyncio.ensure_future(event.wait()) for event in (readable, stop)]
    try:
        await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
    finally:
        loop.remove_reader(descriptor)
        for waiter in waiters:
            waiter.cancel()
    return readable.is_set()
