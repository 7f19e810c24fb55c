"""The lines of a file or of stdin."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amqptool.errors import InputError
from amqptool.publish.sources.chunks import MAX_BODY, is_stream, read_chunks, shown, too_large

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Iterator, Mapping

    from amqptool.publish.sources.interface import Item


class LineSource:
    """Each line of a file, or of stdin for `-`, without its LF or CRLF; the last one needs no line end."""

    count = None

    def __init__(self, path: str) -> None:
        self.is_stream = is_stream(path)
        self.size = None if self.is_stream else Path(path).stat().st_size
        self.position = 0
        self._path = path
        self._quoted = json.dumps(path)
        # What was read and not given yet: whole lines, before them the beginning of the first one, and behind them
        # what no line end has followed yet.
        self._lines: deque[bytes] = deque()
        self._beginning = bytearray()
        self._tail = b""
        self._is_at_end = False
        self._number = 0

    async def items(self, stop: asyncio.Event) -> AsyncIterator[tuple[int, Item]]:
        """Read the lines, in memory for one of them."""
        is_too_long = False
        async for chunk in read_chunks(self._path, stop):
            self.position += len(chunk)
            self._is_at_end = not chunk
            *lines, self._tail = chunk.split(b"\n")
            self._lines.extend(lines)
            if is_too_long and lines:
                is_too_long = False
                self._lines.popleft()
            while self._lines:
                if stop.is_set():
                    return
                yield self._next()
            if not is_too_long:
                self._beginning += self._tail
            self._tail = b""
            if len(self._beginning) > MAX_BODY:
                is_too_long = True
                self._beginning.clear()
                self._number += 1
                yield self._number, too_large()
        if not stop.is_set():
            for last in self._last():
                yield last

    def left(self) -> Iterator[tuple[int, Item]]:
        """Give what was read of a stream and not given, since nobody can read it again; half a line is an error."""
        if self.is_stream:
            while self._lines:
                yield self._next()
            yield from self._last()

    def _last(self) -> Iterator[tuple[int, Item]]:
        """Give what no line end has followed: at the end of the input, that is a line too."""
        rest = bytes(self._beginning + self._tail)
        self._beginning.clear()
        self._tail = b""
        if rest:
            self._number += 1
            error = InputError(f"bytes of an unfinished line that were read and not sent: {len(rest):,}")
            yield self._number, rest if self._is_at_end else error

    def _next(self) -> tuple[int, Item]:
        self._number += 1
        return self._number, _whole(self._beginning, self._lines.popleft())

    def name(self, number: int) -> str:
        """Return the line's number."""
        return str(number)

    def place(self, number: int) -> str:
        """Return `file:line`."""
        return f"{shown(self._path)}:{number}"

    def where(self, number: int) -> str:
        """Return file and line."""
        return f'"source": {self._quoted}, "line": {number}'

    def identity(self) -> Mapping[str, Any]:
        """Return the size and the digest of the content; a file that was moved is the same."""
        from amqptool.publish.sources.digest import sha256_of_file

        return {"bytes": self.size, "sha256": sha256_of_file(self._path)}


def _whole(rest: bytearray, line: bytes) -> Item:
    """Return a line whose beginning was in earlier chunks, and forget that."""
    if rest:
        line = bytes(rest) + line
        rest.clear()
        if len(line) > MAX_BODY:
            return too_large()
    return line.removesuffix(b"\r")
