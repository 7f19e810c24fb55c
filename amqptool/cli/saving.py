"""Deliveries as pairs of files: `NAME.body` are the bytes, and `NAME.json` is the record without them.

A pair is written under other names, is flushed to the disk, and then gets its own: whoever sees `NAME.json` finds
both, complete. Nothing is overwritten.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from amqptool.handlers.interface import StopWork
from amqptool.records import delivery_to_envelope

if TYPE_CHECKING:
    from amqptool.message import Delivery

#: Pairs written at a time, which share what flushing the directory costs.
CONCURRENCY = 16
#: Characters of a message id in a file's name.
_LONGEST_ID = 100
#: What no name holds that is made of a message's text: separators, leading dots, what shells or terminals act on.
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_NUMBER = re.compile(r"\.?([0-9]{1,18})")


class Saver:
    """A handler that saves; when its folder fails, it ends the worker.

    Raises:
        OSError: there is no such folder, and none can be made.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._numbers = count(_highest_number(self._folder) + 1)
        self._flush = DirectoryFlush(self._folder)

    async def __call__(self, delivery: Delivery) -> None:
        """Save one delivery; it is on the disk when this returns.

        Raises:
            StopWork: the disk is full, or the folder cannot be written to.
            InputError: its headers are nested too deeply, or a number in them is none.
        """
        envelope = json.dumps(delivery_to_envelope(delivery), indent=2).encode() + b"\n"
        number = next(self._numbers)  # taken here, where deliveries are in their order
        try:
            await asyncio.to_thread(self._save, number, _suffix(delivery.message_id), delivery.body, envelope)
            await self._flush.wait()
        except OSError as error:
            raise StopWork from OSError(error.errno, error.strerror, str(self._folder))

    def _save(self, number: int, suffix: str, body: bytes, envelope: bytes) -> None:
        name = self._reserve(number, suffix)
        drafts = {self._folder / f".{name}.body": body, self._folder / f".{name}.json": envelope}
        try:
            for draft, content in drafts.items():
                _write(draft, content)
            for draft in drafts:
                draft.rename(draft.with_name(draft.name.removeprefix(".")))
        finally:
            for draft in drafts:
                draft.unlink(missing_ok=True)

    def _reserve(self, number: int, suffix: str) -> str:
        """Return a name that nobody has, not even another process that saves here at the same time."""
        while True:
            name = f"{number:06d}{suffix}"
            draft = self._folder / f".{name}.json"
            with suppress(FileExistsError):
                os.close(_private(draft, os.O_EXCL))
                if not any((self._folder / f"{name}.{kind}").exists() for kind in ("body", "json")):
                    return name
                draft.unlink()
            number = next(self._numbers)


class DirectoryFlush:
    """Flushes a folder's entries to the disk, once for all who wait."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = asyncio.Lock()
        self._asked = self._answered = 0

    async def wait(self) -> None:
        """Return once a flush has succeeded that began after this was called."""
        self._asked += 1
        mine = self._asked
        async with self._lock:
            if self._answered < mine:
                asked = self._asked
                await asyncio.to_thread(_flush_directory, self._folder)
                self._answered = asked


def _highest_number(folder: Path) -> int:
    return max((int(match[1]) for path in folder.iterdir() if (match := _NUMBER.match(path.name))), default=0)


def _suffix(message_id: str | None) -> str:
    safe = _UNSAFE.sub("_", message_id or "")[:_LONGEST_ID]
    return f"-{safe}" if safe else ""


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(_private(path, os.O_TRUNC), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _private(path: Path, flags: int) -> int:
    """Open a file to write that, if it is made here, only its owner reads; a link is not followed."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o600)


def _flush_directory(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
