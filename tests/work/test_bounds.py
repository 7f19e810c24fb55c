"""What a worker has in hand: how many bytes, for how long, and what it cannot read."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from threading import Event as ThreadEvent
from uuid import uuid4

import pytest

from amqptool import AmqpUrl, Delivery, Message, Worker, WorkReport
from amqptool.broker.amqp import connect
from amqptool.errors import BrokerUnavailable
from amqptool.work.watchdog import watch
from tests.support.broker import declare_queue, publish, queue_length
from tests.support.faulty import faulty_line

KB = 1000


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_bytes_in_hand_are_bounded(amqptool_vhost: AmqpUrl, kind: str) -> None:
    """Of messages that are larger than the prefetch allows for, the others stay in the queue, and all are handled."""
    first = ThreadEvent()

    async def scenario() -> tuple[WorkReport, int]:
        await declare_queue(amqptool_vhost, "q", **{"x-queue-type": kind})
        await publish(amqptool_vhost, [Message(body=b"x" * 100 * KB, routing_key="q") for _ in range(60)])
        worker = Worker(
            amqptool_vhost, "q", lambda _: first.wait(30), dedup="memory:", prefetch_bytes=1000 * KB, max_messages=60
        )
        serving = asyncio.create_task(worker.serve())
        while worker.report.received < 11 or await queue_length(amqptool_vhost, "q") < 49:
            await asyncio.sleep(0.01)  # one message more than the bytes allow, and the others back in the queue
        received = worker.report.received
        first.set()
        return await serving, received

    report, received = asyncio.run(scenario())
    assert received == 11
    assert (report.handled, report.duplicates) == (60, 0)


def test_a_few_large_messages_slow_down_none_of_the_small_ones(
    amqptool_vhost: AmqpUrl, caplog: pytest.LogCaptureFixture
) -> None:
    """The prefetch is lowered for them, and raised again after."""
    caplog.set_level(logging.INFO)

    async def scenario() -> WorkReport:
        await declare_queue(amqptool_vhost, "q")
        sizes = [1100 * KB, *[1] * 301]
        await publish(amqptool_vhost, [Message(body=b"x" * size, routing_key="q") for size in sizes])
        worker = Worker(amqptool_vhost, "q", lambda _: None, dedup=None, prefetch_bytes=1000 * KB, max_messages=302)
        return await worker.serve()

    assert asyncio.run(scenario()).handled == 302
    assert [record.args[-1] for record in caplog.records if "prefetch" in record.msg and record.args] == [
        1,
        4,
        16,
        64,
        250,
    ]


def test_a_single_message_larger_than_the_bound_is_handled(amqptool_vhost: AmqpUrl) -> None:
    """There is always room for one."""

    async def scenario() -> WorkReport:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b"x" * 100 * KB, routing_key="q") for _ in range(3)])
        return await Worker(amqptool_vhost, "q", lambda _: None, dedup=None, prefetch_bytes=KB, max_messages=3).serve()

    assert asyncio.run(scenario()).handled == 3


@pytest.mark.parametrize(("size", "prefetch_bytes"), [(1, 1000 * KB), (100 * KB, 250 * KB)], ids=["small", "large"])
def test_failed_messages_that_are_kept_keep_no_others_out(
    amqptool_vhost: AmqpUrl, size: int, prefetch_bytes: int
) -> None:
    """Each of so many is tried once, though all fail, and the prefetch and its bytes allow for a few; all go back."""
    tried: Counter[str | None] = Counter()

    def fail(delivery: Delivery) -> None:
        tried[delivery.message_id] += 1
        raise ValueError

    async def scenario() -> tuple[WorkReport, int]:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b"x" * size, routing_key="q") for _ in range(12)])
        worker = Worker(
            amqptool_vhost, "q", fail, dedup="memory:", prefetch=4, prefetch_bytes=prefetch_bytes, max_messages=11
        )
        report = await worker.serve()
        return report, await queue_length(amqptool_vhost, "q")

    report, left = asyncio.run(scenario())
    assert (report.failed, report.stopped_by) == (11, "max-messages")
    assert list(tried.values()) == [1] * 11
    assert left == 12


def test_a_copy_that_was_given_back_for_its_size_counts_when_it_comes_again(amqptool_vhost: AmqpUrl) -> None:
    """It is no message that comes again because its ack was lost: the third of three ends the worker."""
    message_id = str(uuid4())

    async def scenario() -> WorkReport:
        await declare_queue(amqptool_vhost, "q")
        bodies = [(b"x" * 2 * KB, None), (b"x", message_id), (b"x", message_id)]
        await publish(amqptool_vhost, [Message(body=body, routing_key="q", message_id=id_) for body, id_ in bodies])
        worker = Worker(amqptool_vhost, "q", lambda _: None, dedup="memory:", prefetch_bytes=KB, max_messages=3)
        return await worker.serve()

    report = asyncio.run(scenario())
    assert (report.handled, report.duplicates, report.acknowledged) == (2, 1, 3)


def test_a_message_that_cannot_be_decoded_is_kept_and_the_others_are_handled(amqptool_vhost: AmqpUrl) -> None:
    """It costs no connection, is not lost, and is the broker's again at the end.

    No broker takes a field of an unknown type, so it becomes one on its way to the worker.
    """

    async def scenario() -> tuple[WorkReport, int]:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b"x", routing_key="q", headers={"unknown": True})])
        await publish(amqptool_vhost, [Message(body=b"behind", routing_key="q")])
        async with faulty_line(amqptool_vhost) as (line, url):
            line.edit = lambda chunk: chunk.replace(b"unknownt", b"unknown\x07")
            report = await Worker(url, "q", lambda _: None, dedup=None, idle_timeout=1).serve()
        return report, await queue_length(amqptool_vhost, "q")

    report, left = asyncio.run(scenario())
    assert (report.handled, report.undecodable, report.reconnects, left) == (1, 1, 0, 1)


def test_what_waits_for_too_long_is_given_back_in_time(amqptool_vhost: AmqpUrl) -> None:
    """A message behind a long handler comes again before the broker takes its channel; the handler goes on."""
    free = asyncio.Event()

    async def handle(delivery: Delivery) -> None:
        if delivery.body == b"long":
            await free.wait()

    async def scenario() -> WorkReport:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=body, routing_key="q") for body in (b"long", b"behind")])
        worker = Worker(amqptool_vhost, "q", handle, dedup="memory:", consumer_timeout=0.5)
        serving = asyncio.create_task(worker.serve())
        while worker.report.returned < 2:
            await asyncio.sleep(0.01)
        free.set()
        while worker.report.handled < 2:
            await asyncio.sleep(0.01)
        worker.stop()
        return await serving

    report = asyncio.run(scenario())
    assert (report.handled, report.duplicates, report.failed_attempts) == (2, 0, 0)


def test_a_consumer_that_the_broker_has_forgotten_is_noticed(amqptool_vhost: AmqpUrl) -> None:
    """As after some failures of a cluster: connected, and never to get a message again."""

    async def scenario() -> None:
        await declare_queue(amqptool_vhost, "q")
        async with connect(amqptool_vhost) as connection:
            channel = await connection.channel()
            tag = await channel.consume("q", lambda _: None, lambda: None, prefetch=1)
            asked = asyncio.Event()

            def last_activity() -> float:
                asked.set()  # the first look is over by now
                return 0.0

            watching = asyncio.create_task(watch(connection, "q", last_activity, 0.01))
            await asked.wait()
            await channel.cancel(tag)
            await watching

    with pytest.raises(BrokerUnavailable, match="knows of no consumer of queue 'q'"):
        asyncio.run(scenario())


def test_a_queue_without_a_count_of_consumers_is_not_watched(amqptool_vhost: AmqpUrl) -> None:
    """Of a stream the broker never tells any, which is no reason to connect again."""

    async def scenario() -> None:
        await declare_queue(amqptool_vhost, "s", **{"x-queue-type": "stream"})
        async with connect(amqptool_vhost) as connection:
            channel = await connection.channel()
            await channel.consume("s", lambda _: None, lambda: None, prefetch=1)
            await asyncio.wait_for(watch(connection, "s", lambda: 0.0, 0.01), 30)

    asyncio.run(scenario())
