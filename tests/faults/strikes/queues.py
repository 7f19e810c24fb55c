"""Faults of the queues, as who has the rights to may bring them about."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from amqptool.retry import wait_queue
from tests.faults.attended import send
from tests.faults.checker import Deletion
from tests.faults.commands import QUEUE, RETRY, UNROUTABLE_ENDS
from tests.faults.records import outcomes
from tests.faults.schedule import Kind
from tests.faults.strikes.interface import Fault, NobodyThereError
from tests.faults.workers import held_at_most
from tests.faults.world import LOOK, World
from tests.support.broker import delete_queue, queue_length

#: Messages that are deleted with their queue at most, beside those in the hands of workers.
_MOST = 200
#: Seconds in which what a worker has sent before it was stopped has come to its queue.
_ON_ITS_WAY = 0.5
_UNROUTABLE = b'"outcome": "unroutable"'


@contextmanager
def _delete(world: World, _whom: int) -> Iterator[None]:
    # Not with most of the run in it.
    world.until(lambda: asyncio.run(queue_length(world.urls[0], QUEUE)) <= _MOST or world.publisher.is_done, pause=LOOK)
    if not world.publisher.is_running:
        raise NobodyThereError
    world.publisher.expect(*UNROUTABLE_ENDS)
    before = world.receipts.stat().st_size
    ready = asyncio.run(delete_queue(world.urls[0], QUEUE))
    try:
        # What is confirmed until the publisher notices was in the queue, and nothing that is confirmed later.
        world.until(lambda: world.publisher.is_done or _UNROUTABLE in _since(world.receipts, before))
        yield
    finally:
        confirmed = {each for each, outcome in outcomes(world.receipts).items() if outcome == "confirmed"}
        world.deletions.append(Deletion(frozenset(confirmed), ready + held_at_most()))
        world.declare()


def _since(file: Path, position: int) -> bytes:
    with file.open("rb") as lines:
        lines.seek(position)
        return lines.read()


@contextmanager
def _delete_wait_queue(world: World, whom: int) -> Iterator[None]:
    """Delete a wait queue that is empty, and cannot get a message before it is gone, since all workers are stopped."""
    delay = RETRY[whom % len(RETRY)]
    queue = wait_queue(QUEUE, int(delay.removesuffix("s")) * 1000)
    processes = [process for worker in world.workers for process in worker.processes()]
    for process in processes:
        send(process, signal.SIGSTOP)
    try:
        time.sleep(_ON_ITS_WAY)
        world.until(lambda: asyncio.run(queue_length(world.urls[0], queue)) == 0, attended=[world.publisher])
        asyncio.run(delete_queue(world.urls[0], queue))
        yield
    finally:
        for process in processes:
            send(process, signal.SIGCONT)


FAULTS: dict[Kind, Fault] = {Kind.DELETE_QUEUE: _delete, Kind.DELETE_WAIT_QUEUE: _delete_wait_queue}
