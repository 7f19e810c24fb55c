"""Brokers that restart and connections that go, again and again: pauses, not ends."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from threading import Event as ThreadEvent

import pytest

from amqptool import AmqpUrl, Delivery, MemoryStore, Message, Publisher, Worker, WorkReport
from amqptool.broker.local import Endpoint, RunningNode
from amqptool.broker.management import Management
from tests.support.broker import declare_queue, drain, publish, queue_length
from tests.support.ctl import keep_declarations, rabbitmqctl
from tests.support.faulty import faulty_line
from tests.support.monitoring import until


def numbered(number: int) -> Message:
    """Make a message for `q`."""
    return Message(body=b"%d" % number, routing_key="q")


def test_a_broker_that_restarts_in_good_order_is_a_pause(
    mortal_node: RunningNode, mortal_vhost: AmqpUrl, caplog: pytest.LogCaptureFixture
) -> None:
    """Publisher and worker go on by themselves; its end, in the broker's words, and its return are told once."""
    handled: list[bytes] = []

    async def scenario() -> WorkReport:
        await declare_queue(mortal_vhost, "q")
        await asyncio.to_thread(keep_declarations, mortal_node)
        worker = Worker(mortal_vhost, "q", lambda delivery: handled.append(delivery.body), dedup=MemoryStore())
        async with Publisher(mortal_vhost) as publisher, asyncio.TaskGroup() as group:
            group.create_task(worker.serve())
            await publisher.publish(numbered(1))
            await until(lambda: worker.report.handled == 1)
            await asyncio.to_thread(rabbitmqctl, mortal_node, "stop_app")
            await asyncio.to_thread(rabbitmqctl, mortal_node, "start_app")
            await publisher.publish(numbered(2))
            await until(lambda: worker.report.handled == 2)
            worker.stop()
        return worker.report

    report = asyncio.run(scenario())
    told = [record for record in caplog.records if record.name.startswith("amqptool.work")]
    assert handled == [b"1", b"2"]
    assert report.reconnects == 1
    assert not any(record.exc_info for record in told)
    lost, back = (record.getMessage() for record in told if record.levelno >= logging.WARNING)
    assert "CONNECTION_FORCED" in lost
    assert back == "consuming again from queue 'q'"


async def close_consumers_connection(node: Endpoint, url: AmqpUrl) -> None:
    """Close the connection that a worker consumes over, as an operator would, once the broker lists it."""
    async with Management.at(node.management_url, url) as management:
        while True:
            for each in await management._list("list", "vhosts", url.vhost, "connections"):
                if each.get("client_properties", {}).get("connection_name") == "amqptool consume q":
                    await management._request("close", "DELETE", "connections", each["name"])
                    return


def test_only_the_connection_that_was_closed_is_made_anew(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """That of the copies stays; an ack that was to go over the dead one is never sent over the next."""
    begun, go_on = asyncio.Event(), ThreadEvent()
    runs: Counter[bytes] = Counter()
    loop: asyncio.AbstractEventLoop

    def handle(delivery: Delivery) -> None:
        runs.update([delivery.body])
        if delivery.body == b"1":
            raise ValueError
        loop.call_soon_threadsafe(begun.set)
        go_on.wait(60)

    async def scenario() -> tuple[WorkReport, int, int]:
        nonlocal loop
        loop = asyncio.get_running_loop()
        await declare_queue(amqptool_vhost, "q")
        async with faulty_line(amqptool_vhost) as (line, url):
            worker = Worker(url, "q", handle, dedup=MemoryStore(), dead_letter="dead")
            serving = asyncio.create_task(worker.serve())
            await publish(amqptool_vhost, [numbered(1)])
            await until(lambda: worker.report.dead == 1)
            await publish(amqptool_vhost, [numbered(2)])
            await begun.wait()
            await close_consumers_connection(amqptool_node, amqptool_vhost)
            await until(lambda: worker.report.reconnects == 1)
            go_on.set()
            await publish(amqptool_vhost, [Message(body=b"1", routing_key="q")])
            await until(lambda: (worker.report.dead, worker.report.duplicates) == (2, 1))
            worker.stop()
            return await serving, line.connections, await queue_length(amqptool_vhost, "q")

    report, connections, left = asyncio.run(scenario())
    assert runs == {b"1": 2, b"2": 1}
    assert (report.reconnects, connections, left) == (1, 3, 0)


def test_messages_that_come_again_too_often_are_dead_letters(amqptool_vhost: AmqpUrl) -> None:
    """A quorum queue lets go of what it has delivered too often, also of what nobody began: it is not lost."""
    busy = ThreadEvent()

    async def scenario() -> tuple[int, set[bytes]]:
        ends = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
        safe = {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}
        await declare_queue(amqptool_vhost, "dead", **{"x-queue-type": "quorum"})
        await declare_queue(amqptool_vhost, "q", **{"x-queue-type": "quorum", "x-delivery-limit": 2}, **ends, **safe)
        await publish(amqptool_vhost, [numbered(number) for number in range(5)])
        async with faulty_line(amqptool_vhost) as (line, url), asyncio.TaskGroup() as group:
            worker = Worker(url, "q", lambda _: busy.wait(60), dedup=MemoryStore())
            group.create_task(worker.serve())
            for losses in range(1, 4):
                await until(lambda: worker.report.received == 5 * losses)  # noqa: B023  # called at once
                line.reset()
            while await queue_length(amqptool_vhost, "dead") < 5:
                await asyncio.sleep(0.01)
            busy.set()
            worker.stop()
        return await queue_length(amqptool_vhost, "q"), {each.body for each in await drain(amqptool_vhost, "dead")}

    assert asyncio.run(scenario()) == (0, {b"%d" % number for number in range(5)})


def test_messages_that_come_again_very_often_are_warned_of(
    amqptool_vhost: AmqpUrl, caplog: pytest.LogCaptureFixture
) -> None:
    """Before a quorum queue reaches its limit; the handler that has begun runs once all the same."""
    runs: list[bytes] = []
    busy = ThreadEvent()

    def handle(delivery: Delivery) -> None:
        runs.append(delivery.body)
        busy.wait(60)

    async def scenario() -> WorkReport:
        await declare_queue(amqptool_vhost, "q", **{"x-queue-type": "quorum"})
        await publish(amqptool_vhost, [numbered(1)])
        async with faulty_line(amqptool_vhost) as (line, url), asyncio.TaskGroup() as group:
            worker = Worker(url, "q", handle, dedup=MemoryStore())
            group.create_task(worker.serve())
            while "was delivered 10 times before" not in caplog.text:
                received = worker.report.received
                line.reset()
                await until(lambda: worker.report.received > received)  # noqa: B023  # called at once
            busy.set()
            await until(lambda: worker.report.duplicates == 1)
            worker.stop()
        return worker.report

    report = asyncio.run(scenario())
    assert (runs, report.handled, report.reconnects) == ([b"1"], 1, 10)
