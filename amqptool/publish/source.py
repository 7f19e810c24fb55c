"""Messages from files and streams, read without ever blocking the event loop."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from amqptool.errors import InputError
from amqptool.message import check_message, new_message_id
from amqptool.records import record_from_line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from amqptool.message import Message

#: Bytes read at a time.
CHUNK = 64 * 1024
#: RabbitMQ's own highest limit for a message (`max_message_size`); a longer line is no message.
MAX_BODY = 128 * 1024 * 1024
#: The path that means stdin.
STDIN = "-"


async def read_all(path: str, stop: asyncio.Event) -> bytes:
    """Read a file, or stdin for `-`, as one body.

    Raises:
        InputError: it is larger than any message may be.
        OSError: it cannot be read.
    """
    body = bytearray()
    async for chunk in _chunks(path, stop):
        body += chunk
        _check_size(len(body), path)
    return bytes(body)


async def file_as_message(path: str, template: Message, stop: asyncio.Event) -> AsyncIterator[Message]:
    """Make one message of a file's bytes, otherwise like the template; nothing when stopped."""
    body = await read_all(path, stop)
    if not stop.is_set():
        yield replace(template, body=body)


async def read_lines(path: str, stop: asyncio.Event) -> AsyncIterator[tuple[int, bytes]]:
    """Read a file, or stdin for `-`, as numbered lines without their LF or CRLF.

    The last line counts without a line end. Setting `stop` ends the lines early.

    Raises:
        InputError: a line is longer than any message may be.
        OSError: the file cannot be read.
    """
    number, rest = 0, bytearray()
    async for chunk in _chunks(path, stop):
        *lines, tail = chunk.split(b"\n")
        for line in lines:
            number += 1
            _check_size(len(rest) + len(line), f"{path}:{number}")
            yield number, (bytes(rest) + line).removesuffix(b"\r")
            if stop.is_set():
                return
            rest.clear()
        rest += tail
        _check_size(len(rest), f"{path}:{number + 1}")
    if rest and not stop.is_set():
        yield number + 1, bytes(rest)


async def lines_as_messages(path: str, template: Message, stop: asyncio.Event) -> AsyncIterator[Message]:
    """Make a message of each line, each with its own id and otherwise like the template."""
    async for _, line in read_lines(path, stop):
        yield replace(template, body=line, message_id=new_message_id())


async def records_as_messages(
    path: str, stop: asyncio.Event, *, exchange: str | None = None, routing_key: str | None = None
) -> AsyncIterator[Message]:
    """Read a message from each line of JSON Lines; `exchange` and `routing_key` replace the record's own.

    Raises:
        InputError: a line is no record; the text begins with the file and the line.
    """
    async for number, line in read_lines(path, stop):
        try:
            message = _aimed(record_from_line(line), exchange, routing_key)
            check_message(message)
        except InputError as error:
            raise InputError(f"{path}:{number}: {error}") from None
        yield message


def _aimed(message: Message, exchange: str | None, routing_key: str | None) -> Message:
    if exchange is not None:
        message = replace(message, exchange=exchange)
    if routing_key is not None:
        message = replace(message, routing_key=routing_key)
    return message


def _check_size(size: int, where: str) -> None:
    if size > MAX_BODY:
        raise InputError(f"{where}: larger than the {MAX_BODY // 1024**2} MiB that any broker takes")


async def _chunks(path: str, stop: asyncio.Event) -> AsyncIterator[bytes]:
    # Without O_NONBLOCK, opening a named pipe waits for its writer, and the whole loop with it.
    descriptor = _stdin() if path == STDIN else os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        waits = _is_stream(descriptor)
        while not stop.is_set():
            if waits and not await _readable(descriptor, stop):
                return
            chunk = os.read(descriptor, CHUNK)
            if not chunk:
                return
            yield chunk
    finally:
        if path != STDIN:
            os.close(descriptor)


def _stdin() -> int:
    if sys.stdin is None:
        raise InputError("stdin is closed")
    return sys.stdin.fileno()


def _is_stream(descriptor: int) -> bool:
    """Whether reading may have to wait: pipes, sockets and terminals, but no files."""
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)


async def _readable(descriptor: int, stop: asyncio.Event) -> bool:
    """Wait until there is something to read; False when told to stop."""
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
    return readable.is_set() and not stop.is_set()
