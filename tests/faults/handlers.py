"""The handlers of workers under faults: each effect is recorded, and some messages bring misdeeds with them.

Which ones is told by the seed in AMQPTOOL_FAULTS_SEED; records are in the folder AMQPTOOL_FAULTS_RECORDS. Before its
effect a handler takes its time, AMQPTOOL_FAULTS_PAUSE seconds on average, so that faults find some in the middle of it.
"""

from __future__ import annotations

import asyncio
import os
import time
from enum import Enum
from functools import cache
from pathlib import Path
from random import Random, uniform
from typing import Any

from amqptool import Delivery
from tests.faults.records import DEATHS, EFFECTS, INSERT, TABLE

SEED, RECORDS, PAUSE = "AMQPTOOL_FAULTS_SEED", "AMQPTOOL_FAULTS_RECORDS", "AMQPTOOL_FAULTS_PAUSE"
#: The exit code of a process that a handler ends.
ENDED_BY_HANDLER = 99
#: Seconds that a slow handler takes.
_SLOW = 0.3


class Misdeed(Enum):
    """What a handler does at the first attempt; the value says it in words."""

    RAISE = "it raises, and does its work at the next attempt"
    FAIL = "it raises at each attempt"
    HANG = "it does not end by itself"
    EXIT = "it ends its process"
    SLOW = "it takes longer"


#: How many of a thousand messages bring each misdeed.
_SHARES = {Misdeed.RAISE: 30, Misdeed.FAIL: 10, Misdeed.HANG: 5, Misdeed.EXIT: 2, Misdeed.SLOW: 20}


def misdeed_of(body: bytes, seed: str) -> Misdeed | None:
    """Return what a message brings with it, if anything: the same for the same seed."""
    lot = Random(f"{seed} {body.decode()}").randrange(1000)
    for misdeed, share in _SHARES.items():
        if lot < share:
            return misdeed
        lot -= share
    return None


async def handle(delivery: Delivery) -> None:
    """Act on a message: append a line to the effects, as the last thing that is done."""
    match _misdeed(delivery):
        case Misdeed.RAISE | Misdeed.FAIL:
            raise ValueError("as the seed has it")
        case Misdeed.HANG:
            await asyncio.Event().wait()
        case Misdeed.EXIT:
            _end_process()
        case Misdeed.SLOW:
            await asyncio.sleep(_SLOW)
    await asyncio.sleep(uniform(0.0, 2 * float(os.environ[PAUSE])))
    _append(EFFECTS, f"{os.getpid()} {delivery.message_id} {time.monotonic()}\n")


def handle_in_transaction(delivery: Delivery, transaction: Any) -> None:
    """Act on a message: insert a row, as the first thing that is done, so that misdeeds must take it back.

    It does not take its time, which others would wait for: SQLite has one transaction at a time.
    """
    transaction.execute(TABLE)
    transaction.execute(INSERT, (os.getpid(), delivery.message_id, time.monotonic()))
    match _misdeed(delivery):
        case Misdeed.RAISE | Misdeed.FAIL:
            raise ValueError("as the seed has it")
        case Misdeed.EXIT:
            _end_process()
        case Misdeed.HANG | Misdeed.SLOW:  # nothing can end a thread, so that this one ends by itself
            time.sleep(_SLOW)


def _misdeed(delivery: Delivery) -> Misdeed | None:
    misdeed = misdeed_of(delivery.body, os.environ[SEED])
    return misdeed if delivery.attempt == 1 or misdeed is Misdeed.FAIL else None


def _end_process() -> None:
    _append(DEATHS, f"{os.getpid()} {time.monotonic()}\n")
    os._exit(ENDED_BY_HANDLER)


def _append(name: str, line: str) -> None:
    os.write(_file(name), line.encode())


@cache
def _file(name: str) -> int:
    return os.open(Path(os.environ[RECORDS], name), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
