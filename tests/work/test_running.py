"""Workers beside something else on one event loop."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from amqptool import AmqpUrl, BrokerUnavailable, Delivery, Message, NotFound, Worker, running
from tests.support.broker import declare_queue, delete_queue, publish, queue_length
from tests.support.monitoring import until


def test_workers_work_while_the_block_runs(amqptool_vhost: AmqpUrl) -> None:
    """From its beginning on, and finish what they have in hand at its end."""
    seen: list[bytes] = []

    async def handle(delivery: Delivery) -> None:
        await asyncio.sleep(0)
        seen.append(delivery.body)

    async def scenario() -> None:
        for queue in ("a", "b"):
            await declare_queue(amqptool_vhost, queue)
        async with running(*(Worker(amqptool_vhost, queue, handle, dedup=None) for queue in ("a", "b"))):
            await publish(amqptool_vhost, [Message(body=key.encode(), routing_key=key) for key in ("a", "b")])
            await until(lambda: len(seen) == 2)
        assert sorted(seen) == [b"a", b"b"]
        assert await queue_length(amqptool_vhost, "a") == 0

    asyncio.run(scenario())


def test_the_block_begins_when_all_consume(amqptool_vhost: AmqpUrl) -> None:
    """So that a service that says it is ready is."""

    async def scenario() -> None:
        await declare_queue(amqptool_vhost, "q")
        worker = Worker(amqptool_vhost, "q", print, dedup=None)
        async with running(worker):
            assert worker.status.consuming

    asyncio.run(scenario())


def test_a_worker_that_cannot_begin_keeps_the_block_from_beginning(amqptool_vhost: AmqpUrl) -> None:
    """And the others end."""

    async def scenario() -> None:
        await declare_queue(amqptool_vhost, "q")
        good = Worker(amqptool_vhost, "q", print, dedup=None)
        bad = Worker(replace(amqptool_vhost, port=1), "q", print, dedup=None)
        with pytest.raises(BrokerUnavailable):
            async with running(good, bad):
                pytest.fail("it has begun")
        assert good.status.stopping

    asyncio.run(scenario())


def test_a_worker_that_ends_with_an_error_is_told(amqptool_vhost: AmqpUrl, caplog: pytest.LogCaptureFixture) -> None:
    """At once in the log, and when the block has ended by an error, since it may be a web service that goes on."""

    async def scenario() -> None:
        await declare_queue(amqptool_vhost, "q")
        with pytest.raises(NotFound):
            async with running(Worker(amqptool_vhost, "q", print, dedup=None)):
                await delete_queue(amqptool_vhost, "q")
                await until(lambda: "a worker has ended" in caplog.text)

    asyncio.run(scenario())


def test_an_error_of_the_block_is_its_own(amqptool_vhost: AmqpUrl) -> None:
    """The workers end all the same."""

    async def scenario() -> None:
        await declare_queue(amqptool_vhost, "q")
        worker = Worker(amqptool_vhost, "q", print, dedup=None)
        with pytest.raises(KeyError):
            async with running(worker):
                raise KeyError
        assert worker.status.stopping

    asyncio.run(scenario())
