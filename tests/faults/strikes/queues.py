"""Faults of the queues, as who has the rights to may bring them about."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from amqptool import AmqpUrl, NotFound
from amqptool.broker.amqp import connect
from amqptool.retry import wait_queue
from tests.faults.attended import send
from tests.faults.checker import Deletion
from tests.faults.commands import QUEUE, RETRY, UNROUTABLE_ENDS
from tests.faults.schedule import Kind
from tests.faults.strikes.interface import Fault, HasBitten, NobodyThereError, surely
from tests.faults.workers import held_at_most
from tests.faults.world import LOOK, World
from tests.support.broker import delete_queue, queue_length
from tests.support.ctl import keep_declarations

#: Messages that are deleted with their queue at most, beside those in the hands of workers.
_MOST = 200
#: More messages than there ever are in a queue that is deleted.
_NO_LIMIT = 10_000
#: Seconds that the broker may take for it: quorum queues have taken more than five.
_PATIENCE = 120.0
_UNROUTABLE = b'"outcome": "unroutable"'


@contextmanager
def _delete(world: World, _whom: int) -> Iterator[HasBitten]:
    # Not with most of the run in it.
    world.until(lambda: asyncio.run(queue_length(world.urls[0], QUEUE)) <= _MOST or world.publisher.is_done, pause=LOOK)
    if not world.publisher.is_running:
        raise NobodyThereError
    before = world.receipts.size
    with world.publisher.forgive(*UNROUTABLE_ENDS):
        taken, ready = asyncio.run(delete_with_messages(world.urls[0], QUEUE))
        try:
            # What is confirmed until the publisher notices was in the queue, and nothing that is confirmed later.
            world.until(lambda: world.publisher.is_done or _UNROUTABLE in world.receipts.since(before))
            yield surely
        finally:
            world.deletions.append(Deletion(taken, world.confirmed_lately(), ready + held_at_most()))
            world.declare()


async def delete_with_messages(url: AmqpUrl, queue: str) -> tuple[frozenset[str], int]:
    """Delete a queue while its messages are in our hands, and return their ids, and how many others were in it.

    Raises:
        TimeoutError: the broker has not answered for long.
    """
    taken: set[str] = set()
    async with connect(url) as taking, connect(url) as deleting, asyncio.timeout(_PATIENCE):
        consumer, channel = await taking.channel(), await deleting.channel()
        await consumer.consume(queue, lambda each: taken.add(str(each.message_id)), lambda: None, prefetch=_NO_LIMIT)
        while (await channel.check_queue(queue)).ready:
            pass
        ready = await channel.delete_queue(queue)
        # The answer comes after all that was delivered. Whether consumers are told of the end of a quorum queue, nobody
        # knows: RabbitMQ 3.10 has not told those of a cluster.
        with suppress(NotFound):
            await consumer.check_queue(queue)
    return frozenset(taken), ready


@contextmanager
def _delete_wait_queue(world: World, whom: int) -> Iterator[HasBitten]:
    """Delete a wait queue when it is empty; what comes into it nevertheless, from workers that are stopped, is told.

    It is over when a worker has declared it again, and no crash of the broker takes it away.
    """
    delay = RETRY[whom % len(RETRY)]
    queue = wait_queue(QUEUE, int(delay.removesuffix("s")) * 1000)
    processes = [process for worker in world.workers for process in worker.processes()]
    for process in processes:
        send(process, signal.SIGSTOP)
    try:
        world.until(lambda: asyncio.run(queue_length(world.urls[0], queue)) == 0, attended=[world.publisher])
        if ready := asyncio.run(delete_queue(world.urls[0], queue)):
            world.deletions.append(Deletion(frozenset(), world.confirmed_lately(), ready))
        yield surely
    finally:
        for process in processes:
            send(process, signal.SIGCONT)
        world.until(lambda: _is_there(world.urls[0], queue) or not world.has_work(), pause=LOOK)
        for site in world.sites:
            keep_declarations(site.node)


def _is_there(url: AmqpUrl, queue: str) -> bool:
    with suppress(NotFound):
        asyncio.run(queue_length(url, queue))
        return True
    return False


FAULTS: dict[Kind, Fault] = {Kind.DELETE_QUEUE: _delete, Kind.DELETE_WAIT_QUEUE: _delete_wait_queue}
