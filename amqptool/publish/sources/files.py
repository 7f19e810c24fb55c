"""Whole files, each one message."""

from __future__ import annotations

import errno
import json
import logging
import os
from typing import TYPE_CHECKING, Any

from amqptool.errors import InputError
from amqptool.publish.sources.chunks import is_stream, read_all, shown

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from amqptool.publish.sources.interface import Item

log = logging.getLogger(__name__)


class FileSource:
    """The bytes of each file, or of stdin for `-`."""

    size = None
    position = 0

    def __init__(self, paths: Sequence[str]) -> None:
        self.is_stream = any(is_stream(path) for path in paths)
        self.count = len(paths)
        self._paths = paths
        # Read, and not given to anybody.
        self._left: list[tuple[int, Item]] = []

    async def items(self, stop: asyncio.Event) -> AsyncIterator[tuple[int, Item]]:
        """Read the files, in memory for one of them."""
        for number, path in enumerate(self._paths, 1):
            item = await _read(path, stop)
            if item is None:
                return
            if stop.is_set():
                self._left.append((number, item))
                return
            yield number, item

    def left(self) -> Iterator[tuple[int, Item]]:
        """Give the body that was whole when `items` was told to stop."""
        while self._left:
            yield self._left.pop()

    def name(self, number: int) -> str:
        """Return the file's path."""
        return self._paths[number - 1]

    def place(self, number: int) -> str:
        """Return the file's path."""
        return shown(self._paths[number - 1])

    def where(self, number: int) -> str:
        """Return the file's path and its number."""
        return f'"source": {json.dumps(self._paths[number - 1])}, "number": {number}'

    def identity(self) -> Mapping[str, Any]:
        """Return how many files there are, and the digest of their paths and contents."""
        from amqptool.publish.sources.digest import sha256, sha256_of_file

        content = "\n".join(json.dumps([path, sha256_of_file(path)]) for path in self._paths)
        return {"files": len(self._paths), "sha256": sha256(content.encode())}


async def _read(path: str, stop: asyncio.Event) -> Item | None:
    try:
        return await read_all(path, stop)
    except (InputError, OSError) as error:
        return error


def find_files(paths: Sequence[str], *, recursive: bool) -> list[str]:
    """Return the files of paths, in order; a directory is its files in the order of their names.

    Raises:
        OSError: a path does not exist, or a directory cannot be read.
    """
    found: list[str] = []
    for path in paths:
        if not os.path.isdir(path):  # noqa: PTH112 - a path, as the user wrote it
            _check_exists(path)
            found.append(path)
        else:
            found += _files_in(path, recursive=recursive)
    return found


def _check_exists(path: str) -> None:
    if path != "-" and not os.path.lexists(path):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)


def _files_in(directory: str, *, recursive: bool) -> Iterator[str]:
    left_out = 0
    with os.scandir(directory) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_file():
                yield entry.path
            elif entry.is_dir(follow_symlinks=False) and recursive:
                yield from _files_in(entry.path, recursive=True)
            else:
                left_out += entry.is_dir()
    if left_out:
        log.warning("%s: left out the directories in it (%d); --recursive takes them too", directory, left_out)
