"""The handlers of workers under faults: each effect is recorded, and some messages bring misdeeds with them.

Which ones is told by the seed in FAULTS_SEED, and to act.sh by a file; records go into the pipe in the folder
FAULTS_RECORDS, under the name of the worker in FAULTS_WORKER. Before its effect a handler takes its time, FAULTS_PAUSE
seconds on average, so that faults find some in the middle of it. As a program it is a process that stays, for
`exec-lines:`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
import time
from enum import Enum
from functools import cache
from pathlib import Path
from random import Random, uniform
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amqptool import Delivery

SEED, RECORDS, WORKER, PAUSE = "FAULTS_SEED", "FAULTS_RECORDS", "FAULTS_WORKER", "FAULTS_PAUSE"
#: The file of misdeeds by the number of the message.
MISDEEDS = "misdeeds"
#: The pipe, and the first words of what is written to it.
PIPE, EFFECT, DEATH = "pipe", "effect", "death"
#: The exit code of a process that a handler ends.
ENDED_BY_HANDLER = 99
#: Seconds that a slow handler takes.
SLOW = 0.3


class Misdeed(Enum):
    """What a handler does at the first attempt; the value says it in words."""

    RAISE = "it fails, and does its work at the next attempt"
    FAIL = "it fails at each attempt"
    HANG = "it does not end by itself"
    EXIT = "it ends its process"
    SLOW = "it takes longer"


#: How many of so many messages bring each misdeed.
_OF = 10_000
_SHARES = {Misdeed.RAISE: 200, Misdeed.FAIL: 50, Misdeed.HANG: 20, Misdeed.EXIT: 5, Misdeed.SLOW: 200}


def misdeed_of(body: bytes, seed: str) -> Misdeed | None:
    """Return what a message brings with it, if anything: the same for the same seed."""
    lot = Random(f"{seed} {body.decode()}").randrange(_OF)
    for misdeed, share in _SHARES.items():
        if lot < share:
            return misdeed
        lot -= share
    return None


def write_misdeeds(directory: Path, messages: int, seed: int) -> None:
    """Write down what each message brings with it, for a handler that cannot work it out."""
    misdeeds = ((number, misdeed_of(b"%d" % number, str(seed))) for number in range(messages))
    lines = (f"{number} {misdeed.name}\n" for number, misdeed in misdeeds if misdeed is not None)
    (directory / MISDEEDS).write_text("".join(lines))


def misdeed_at(attempt: int, body: bytes, seed: str) -> Misdeed | None:
    """Return what a message brings with it at this attempt."""
    misdeed = misdeed_of(body, seed)
    return misdeed if attempt == 1 or misdeed is Misdeed.FAIL else None


async def handle(delivery: Delivery) -> None:
    """Act on a message: write a line about it, as the last thing that is done."""
    match misdeed_at(delivery.attempt, delivery.body, os.environ[SEED]):
        case Misdeed.RAISE | Misdeed.FAIL:
            raise ValueError("as the seed has it")
        case Misdeed.HANG:
            await asyncio.Event().wait()
        case Misdeed.EXIT:
            _end_process()
        case Misdeed.SLOW:
            await asyncio.sleep(SLOW)
    await asyncio.sleep(uniform(0.0, 2 * float(os.environ[PAUSE])))
    _record(EFFECT, os.environ[WORKER], os.getpid(), delivery.message_id, time.monotonic())


def handle_in_transaction(delivery: Delivery, transaction: Any) -> None:
    """Act on a message: insert a row, as the first thing that is done, so that misdeeds must take it back.

    It does not take its time, which others would wait for: SQLite has one transaction at a time.
    """
    insert(transaction, (os.environ[WORKER], os.getpid(), delivery.message_id, time.monotonic()))
    match misdeed_at(delivery.attempt, delivery.body, os.environ[SEED]):
        case Misdeed.RAISE | Misdeed.FAIL:
            raise ValueError("as the seed has it")
        case Misdeed.EXIT:
            _end_process()
        case Misdeed.HANG | Misdeed.SLOW:  # nothing can end a thread, so that this one ends by itself
            time.sleep(SLOW)


#: The table of effects, beside those of the dedup store.
TABLE = "CREATE TABLE IF NOT EXISTS effect (worker TEXT, process INTEGER, message TEXT, at DOUBLE PRECISION)"


def insert(transaction: Any, row: tuple[str, int, str | None, float]) -> None:
    """Insert an effect; SQLite's file is new whenever it was lost, so that it may need its table first."""
    if isinstance(transaction, sqlite3.Connection):
        transaction.execute(TABLE)
        transaction.execute("INSERT INTO effect VALUES (?, ?, ?, ?)", row)
    else:
        transaction.execute("INSERT INTO effect VALUES (%s, %s, %s, %s)", row)


def answer(question: dict[str, Any], worker: int) -> dict[str, str]:
    """Act on a message that is asked about, in the name of the worker process that asks."""
    match misdeed_at(question["attempt"], question["body"].encode(), os.environ[SEED]):
        case Misdeed.RAISE | Misdeed.FAIL | Misdeed.HANG:
            return {"id": question["id"], "verdict": "retry"}
        case Misdeed.EXIT:
            sys.exit(ENDED_BY_HANDLER)  # which ends no worker
        case Misdeed.SLOW:
            time.sleep(SLOW)
    _record(EFFECT, os.environ[WORKER], worker, question["properties"]["message_id"], time.monotonic())
    return {"id": question["id"], "verdict": "ack"}


def _end_process() -> None:
    _record(DEATH, os.getpid(), time.monotonic())
    os._exit(ENDED_BY_HANDLER)


def _record(*words: object) -> None:
    os.write(_pipe(), f"{' '.join(map(str, words))}\n".encode())


@cache
def _pipe() -> int:
    # For reading too, so that nobody waits for a reader that has ended.
    return os.open(Path(os.environ[RECORDS], PIPE), os.O_RDWR)


if __name__ == "__main__":
    asking = os.getppid()
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line), asking)), flush=True)
