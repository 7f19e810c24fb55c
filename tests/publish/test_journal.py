"""Appending behind the loop's back: in order, on disk, bounded, and never silent about a disk that fails."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from amqptool.publish.journal import MAX_WAITING, Journal


def journal(path: Path | str) -> Journal:
    """Open a journal."""
    return Journal(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), str(path))


def test_lines_are_appended_in_order(tmp_path: Path) -> None:
    """Leaving the block means that all of them are there, behind what was."""
    path = tmp_path / "journal"
    path.write_text("before\n")

    async def scenario() -> None:
        async with journal(path) as writing:
            await writing.sync("first\n")
            for number in range(1000):
                writing.add(f"{number}\n")
                if number % 100 == 0:
                    await asyncio.sleep(0)
            writing.add("")

    asyncio.run(scenario())
    assert path.read_text().split() == ["before", "first", *map(str, range(1000))]


def test_lines_are_there_without_leaving(tmp_path: Path) -> None:
    """They are written while the block runs, not only at its end."""
    path = tmp_path / "journal"

    async def scenario() -> None:
        async with journal(path) as writing:
            for line in ("one\n", "two\n"):
                writing.add(line)
                while line not in path.read_text():
                    await asyncio.sleep(0)

    asyncio.run(scenario())


def test_a_journal_is_closed_even_if_nothing_was_added(tmp_path: Path) -> None:
    """Leaving at once writes nothing and closes the file."""

    async def scenario() -> Journal:
        async with journal(tmp_path / "journal") as writing:
            return writing

    closed = asyncio.run(scenario())
    assert (tmp_path / "journal").read_text() == ""
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(closed._descriptor)


def test_a_slow_disk_makes_the_caller_wait(tmp_path: Path) -> None:
    """Past its bound a journal is full, and `room` returns once enough was written; here, read from a pipe."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    async def scenario() -> tuple[bool, bool, int]:
        reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        async with journal(fifo) as writing:
            writing.add("x" * MAX_WAITING)
            was_full = writing.is_full
            waiting = asyncio.create_task(writing.room())
            read = 0
            while not waiting.done():
                await asyncio.sleep(0)
                try:
                    read += len(os.read(reading, 1024 * 1024))
                except BlockingIOError:
                    continue
            is_full = writing.is_full
        os.close(reading)
        return was_full, is_full, read

    assert asyncio.run(scenario()) == (True, False, MAX_WAITING)


def test_a_failing_disk_is_raised_when_leaving() -> None:
    """It names the file; meanwhile nobody waits for room that will never be, and more lines do no harm."""

    async def scenario() -> None:
        async with journal("/dev/full") as writing:
            writing.add("x" * MAX_WAITING)
            await writing.room()
            assert writing.has_failed
            writing.add("y")
            assert not writing.is_full

    with pytest.raises(OSError, match="No space left") as caught:
        asyncio.run(scenario())
    assert caught.value.filename == "/dev/full"


def test_a_failing_disk_fails_what_must_be_there_first() -> None:
    """`sync` raises at once."""

    async def scenario() -> None:
        async with journal("/dev/full") as writing:
            await writing.sync("x")

    with pytest.raises(OSError, match="No space left"):
        asyncio.run(scenario())
