"""Copies of failed messages, as the broker takes them or does not."""

from __future__ import annotations

import asyncio

import pytest

from amqptool import AmqpUrl, Delivery, MemoryStore, Message, Topology, Worker, WorkReport, declare
from amqptool.broker.local import Endpoint
from amqptool.retry import wait_queue
from amqptool.work.forwarder import Forwarder
from amqptool.work.ladder import ladder_of
from tests.support.broker import declare_queue, delete_queue, drain, publish, queue_length
from tests.support.monitoring import until
from tests.support.proxy import proxy_that_counts
from tests.support.vhost import limited_user

WAIT = wait_queue("q", 100)


def test_copies_go_to_their_queue_alone_and_as_nobody_else(amqptool_vhost: AmqpUrl, amqptool_node: Endpoint) -> None:
    """D17 to D19: what names other queues, another user or a life of its own is kept from them, and kept."""
    sent = Message(
        body=b"x",
        routing_key="q",
        user_id=amqptool_vhost.username,
        expiration="60000",
        headers={"CC": ["other"], "BCC": ["another"]},
    )
    seen: list[Message] = []

    def fail_always(delivery: Delivery) -> None:
        seen.append(delivery.message)
        raise ValueError

    async def prepare() -> None:
        for queue in ("q", "other", "another"):
            await declare_queue(amqptool_vhost, queue)
        await publish(amqptool_vhost, [sent])

    async def work(url: AmqpUrl) -> WorkReport:
        worker = Worker(url, "q", fail_always, dedup=MemoryStore(), retry=(0.1,), dead_letter="dead")
        serving = asyncio.create_task(worker.serve())
        await until(lambda: worker.report.dead == 1)
        worker.stop()
        return await serving

    async def found() -> list[Delivery]:
        assert [await queue_length(amqptool_vhost, queue) for queue in ("q", "other", "another")] == [0, 1, 1]
        return await drain(amqptool_vhost, "dead")

    asyncio.run(prepare())
    with limited_user(amqptool_node, amqptool_vhost, configure=".*", write=".*", read=".*") as url:
        report = asyncio.run(work(url))
    [dead] = asyncio.run(found())
    without_bcc = {"CC": ["other"]}  # which the broker itself takes away
    assert [(message.user_id, message.expiration) for message in seen] == [(sent.user_id, "60000")] * 2
    assert [message.headers for message in seen] == [without_bcc] * 2
    assert (report.retried, dead.message.user_id, dead.message.expiration) == (1, None, None)


def test_a_message_is_kept_while_its_wait_queue_cannot_be_had(
    amqptool_vhost: AmqpUrl, amqptool_node: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    """D16: somebody has deleted it, and the worker may not declare it; once it is there again, the copy goes."""

    attempts: list[int] = []
    topology = Topology.parse("queues: {q: {retry: [100ms]}}")

    async def delete_and_fail(delivery: Delivery) -> None:
        attempts.append(delivery.attempt)
        if delivery.attempt == 1:
            await delete_queue(amqptool_vhost, WAIT)
            raise ValueError

    async def scenario(url: AmqpUrl) -> WorkReport:
        await declare(amqptool_vhost, topology)
        await publish(amqptool_vhost, [Message(body=b"x", routing_key="q")])
        worker = Worker(url, "q", delete_and_fail, dedup=MemoryStore(), retry=(0.1,))
        serving = asyncio.create_task(worker.serve())
        await until(lambda: "not passed on" in caplog.text)
        assert worker.report.acknowledged == 0
        await declare(amqptool_vhost, topology)
        await until(lambda: worker.report.handled == 1)
        worker.stop()
        return await serving

    with limited_user(amqptool_node, amqptool_vhost, configure="^$", write=".*", read=".*") as url:
        report = asyncio.run(scenario(url))
    assert attempts == [1, 2]
    assert (report.retried, report.failed_attempts, report.reconnects) == (1, 1, 0)


def test_many_copies_declare_a_deleted_queue_once(amqptool_vhost: AmqpUrl) -> None:
    """One connection for all of them, beside that of the copies."""
    ladder = ladder_of("q", (60,), None)
    [wait] = ladder.queues()
    connections: list[None] = []

    async def scenario(url: AmqpUrl) -> int:
        forwarder = Forwarder([url], ladder)
        copies = [Message(body=b"%d" % number, routing_key=wait) for number in range(20)]
        await asyncio.gather(*(forwarder.send(copy) for copy in copies))
        await forwarder.close()
        return await queue_length(amqptool_vhost, wait)

    with proxy_that_counts(amqptool_vhost, lambda: connections.append(None)) as url:
        assert asyncio.run(scenario(url)) == 20
    assert len(connections) == 2
