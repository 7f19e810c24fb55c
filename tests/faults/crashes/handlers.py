"""Handlers that write down what they do, durably, and may end their process before or after it."""

from __future__ import annotations

import asyncio
import os
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from amqptool import Delivery, Reject
from tests.faults.crashes.points import Point, fate

#: The variable that names the folder of the notes.
NOTES = "AMQPTOOL_CRASH_NOTES"


class Did(Enum):
    """What a handler has done."""

    BEGIN = "begin"
    ACT = "act"


class Note(NamedTuple):
    """A process has begun with a message, or has had the effect of one."""

    process: int
    did: Did
    message: str
    attempt: int


def handle(delivery: Delivery) -> None:
    """Have an effect."""
    _write(Did.BEGIN, delivery)
    fate().come_to(Point.BEFORE_EFFECT)
    _write(Did.ACT, delivery)
    fate().come_to(Point.AFTER_EFFECT)


def fail_first(delivery: Delivery) -> None:
    """Have an effect at the second attempt."""
    if delivery.attempt == 1:
        _write(Did.BEGIN, delivery)
        raise ValueError("as it is meant to be")
    handle(delivery)


def reject(delivery: Delivery) -> None:
    """Reject it."""
    _write(Did.BEGIN, delivery)
    raise Reject("as it is meant to be")


def handle_in_transaction(delivery: Delivery, transaction: Any) -> None:
    """Have an effect in the transaction of DONE."""
    _write(Did.BEGIN, delivery)
    transaction.execute(f"INSERT INTO effect VALUES ('{delivery.message_id}')")
    fate().come_to(Point.AFTER_EFFECT)


async def wait(delivery: Delivery) -> None:
    """Have an effect once the file `gate` is there."""
    _write(Did.BEGIN, delivery)
    while not _gate().exists():
        await asyncio.sleep(0.01)
    _write(Did.ACT, delivery)


def gate_in(folder: Path) -> Path:
    """Return the file that `wait` waits for."""
    return folder / "gate"


def notes_in(folder: Path) -> list[Note]:
    """Return what handlers have written down."""
    path = folder / "notes"
    lines = path.read_text().splitlines() if path.exists() else []
    return [
        Note(int(process), Did(did), message, int(attempt)) for process, did, message, attempt in map(str.split, lines)
    ]


def _write(did: Did, delivery: Delivery) -> None:
    os.write(_notes(), f"{os.getpid()} {did.value} {delivery.message_id} {delivery.attempt}\n".encode())


@cache
def _notes() -> int:
    return os.open(_folder() / "notes", os.O_WRONLY | os.O_APPEND | os.O_CREAT)


@cache
def _gate() -> Path:
    return gate_in(_folder())


def _folder() -> Path:
    return Path(os.environ[NOTES])
