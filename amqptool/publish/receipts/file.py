"""The file of receipts: one run, one writer, and nothing torn in it."""

from __future__ import annotations

import fcntl
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from amqptool.errors import InputError
from amqptool.publish.receipts.numbers import Numbers
from amqptool.publish.receipts.record import FIRST_WORDS, MalformedError, Run, confirmed_number, run_from_line

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

#: The longest line that can be one of ours, in bytes; beyond, the file is something else.
MAX_LINE = 1024 * 1024
#: The path that means stdout.
STDOUT = "-"


@dataclass(frozen=True, slots=True)
class Receipts:
    """An open file of receipts, locked; `confirmed` are the numbers of the items that need not be sent again."""

    descriptor: int
    path: str
    run: Run
    #: Whether the run is in the file yet; it is written before anything is sent.
    is_new: bool
    confirmed: Container[int] = ()
    confirmed_before: int = 0


def open_receipts(path: str, wanted: Run, *, resume: bool, most_items: int | None) -> Receipts:
    """Open a file of receipts for a run: `wanted`, or with `resume` the one in the file, which must be of the same.

    An empty file, or none, starts a run either way. No item has a higher number than `most_items`.

    Raises:
        InputError: the file is another run's, or damaged, or another process is writing to it; or, without
            `resume`, there is something in it.
        OSError: it cannot be opened or read.
    """
    descriptor = _open(path)
    try:
        if path == STDOUT or not stat.S_ISREG(os.fstat(descriptor).st_mode):  # stdout cannot be read, even of a file
            return Receipts(descriptor, path, wanted, is_new=True)
        _lock(descriptor, path)
        if not resume and os.fstat(descriptor).st_size:
            raise InputError(f"{path} is there already: --resume goes on with its run, another file begins a new one")
        return _go_on(descriptor, path, wanted, most_items) or Receipts(descriptor, path, wanted, is_new=True)
    except BaseException:
        os.close(descriptor)
        raise


def _open(path: str) -> int:
    if path == STDOUT:
        return os.dup(sys.stdout.fileno())
    is_there = Path(path).exists()
    # Not 0644: ids and error texts are nobody else's business.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    if not is_there:
        _sync_directory(Path(path).parent)
    return descriptor


def _sync_directory(directory: Path) -> None:
    """Make a new name in a directory last."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(f"{path}: another run is writing to it") from None


def _go_on(descriptor: int, path: str, wanted: Run, most_items: int | None) -> Receipts | None:
    """Read what is there; None when no run ever began."""
    first = b"".join(os.pread(descriptor, MAX_LINE, 0).partition(b"\n")[:2])
    if _is_torn_start(first):
        os.ftruncate(descriptor, 0)
        return None
    run = _read_run(first, path)
    _check_same(run, wanted, path)
    _cut_torn_line(descriptor, len(first))
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(len(first))
        confirmed = read_confirmed(file, path, most_items)
    return Receipts(descriptor, path, run, is_new=False, confirmed=confirmed, confirmed_before=len(confirmed))


def _check_same(run: Run, wanted: Run, path: str) -> None:
    changes = [*_changes(run.source, wanted.source), *_changes(run.options, wanted.options)]
    if changes:
        raise InputError(
            f"{path}: cannot go on, its run is another one: {'; '.join(changes)}. "
            "Give the source and the options that it was started with, or another file of receipts"
        )


def _is_torn_start(line: bytes) -> bool:
    """Whether the file ends within its first line: nothing was sent then."""
    return not line.endswith(b"\n") and (line.startswith(FIRST_WORDS) or FIRST_WORDS.startswith(line))


def _read_run(line: bytes, path: str) -> Run:
    try:
        return run_from_line(line)
    except MalformedError:
        raise InputError(f"{path}:1: not a file of receipts; choose another name") from None


def _cut_torn_line(descriptor: int, end_of_first: int) -> None:
    """Cut off what follows the last line end: a crash in the middle of a write."""
    size = os.fstat(descriptor).st_size
    start = max(end_of_first, size - MAX_LINE)
    tail = os.pread(descriptor, size - start, start)
    if not tail.endswith(b"\n"):
        os.ftruncate(descriptor, start + tail.rfind(b"\n") + 1)


def read_confirmed(lines: Iterable[bytes], path: str, most_items: int | None) -> Numbers:
    """Read the receipts after the first line and return the numbers of the confirmed items.

    Raises:
        InputError: a line is no receipt.
    """
    confirmed = Numbers()
    for place, line in enumerate(lines, 2):
        try:
            number = confirmed_number(line)
        except MalformedError:
            raise _damaged(path, place, "is no receipt") from None
        if number is None:
            continue
        if number < 1 or (most_items is not None and number > most_items):
            raise _damaged(path, place, f"is of item {number}, which the source does not have")
        confirmed.add(number)
    return confirmed


def _damaged(path: str, line: int, what: str) -> InputError:
    return InputError(
        f"{path}:{line}: damaged: the line {what}. To go on without the rest, cut the file off before this line: "
        "what it then does not say was confirmed is sent again, with the same ids"
    )


def _changes(before: object, now: object, name: str = "") -> list[str]:
    """Say in words what differs between two JSON values."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = sorted({*before, *now})
        return [
            change
            for key in keys
            for change in _changes(before.get(key), now.get(key), f"{name}.{key}" if name else str(key))
        ]
    return [] if before == now else [f"{name} was {before!r} and is {now!r}"]
