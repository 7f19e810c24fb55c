"""A broker at its limits: it takes messages from who keeps them for too long, and takes none under an alarm."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from threading import Event as ThreadEvent

import pytest
from pika import frame, spec

from amqptool import AmqpUrl, Delivery, MemoryStore, Message, Worker, WorkReport
from amqptool.broker import local
from amqptool.broker.local import RunningNode
from tests.support.broker import declare_queue, publish, queue_length
from tests.support.ctl import rabbitmqctl
from tests.support.faulty import faulty_line
from tests.support.monitoring import until

#: Milliseconds that the broker lets a message be un-acked, and between its looks.
TIMEOUT, TICK = 1500, 100
IMPATIENT = (
    f"application:set_env(rabbit, consumer_timeout, {TIMEOUT}), "
    f"application:set_env(rabbit, channel_tick_interval, {TICK})"
)
PATIENT = "application:set_env(rabbit, consumer_timeout, 1800000)"
#: How much of the machine's memory a broker may use before it takes no more messages.
NO_MEMORY, MEMORY = (f"vm_memory_monitor:set_vm_memory_high_watermark({part})" for part in ("0.0000001", "0.4"))


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    """Give a node whose impatience and alarms disturb nobody else."""
    with local.temporary() as running:
        rabbitmqctl(running, "eval", f"{IMPATIENT}.")
        yield running


def test_a_handler_slower_than_the_broker_allows_runs_once(node: RunningNode, caplog: pytest.LogCaptureFixture) -> None:
    """The channel is lost, the message comes again while its handler still runs, and is a duplicate after that."""
    runs: list[bytes] = []
    free = ThreadEvent()

    def handle(delivery: Delivery) -> None:
        runs.append(delivery.body)
        free.wait(60)

    async def scenario() -> tuple[WorkReport, int]:
        await declare_queue(node.url, "slow")
        await publish(node.url, [Message(body=b"x", routing_key="slow")])
        worker = Worker(node.url, "slow", handle, dedup=MemoryStore())
        serving = asyncio.create_task(worker.serve())
        await until(lambda: worker.report.received == 2)
        free.set()
        await until(lambda: worker.report.duplicates == 1)
        worker.stop()
        return await serving, await queue_length(node.url, "slow")

    report, left = asyncio.run(scenario())
    assert runs == [b"x"]
    assert (report.handled, report.duplicates, left) == (1, 1, 0)
    assert "delivery acknowledgement on channel" in caplog.text  # the broker's own words


def test_what_waits_is_given_back_before_the_broker_takes_it(
    node: RunningNode, caplog: pytest.LogCaptureFixture
) -> None:
    """At 80 % of the timeout, with a warning of what keeps the others waiting."""
    free = asyncio.Event()
    caplog.set_level("INFO", "amqptool")

    async def handle(delivery: Delivery) -> None:
        if delivery.body == b"long":
            await free.wait()

    async def scenario() -> WorkReport:
        await declare_queue(node.url, "behind")
        await publish(node.url, [Message(body=body, routing_key="behind") for body in (b"long", b"short")])
        worker = Worker(node.url, "behind", handle, dedup=MemoryStore(), consumer_timeout=TIMEOUT / 1000)
        serving = asyncio.create_task(worker.serve())
        await until(lambda: worker.report.reconnects == 1)
        free.set()
        await until(lambda: worker.report.handled == 2)
        worker.stop()
        return await serving

    report = asyncio.run(scenario())
    assert (report.handled, report.failed_attempts) == (2, 0)
    told = [
        next(number for number, line in enumerate(caplog.messages) if words in line)
        for words in ("worked on for over 1 s", "given back, having waited for 1 s", "consuming again")
    ]
    assert max(told[:2]) < told[2]


def test_a_consumer_that_the_broker_cancels_is_opened_again(amqptool_vhost: AmqpUrl) -> None:
    """As RabbitMQ 4.3 does after the timeout; here the cancel is slipped in on the way."""
    handled: list[bytes] = []

    async def scenario() -> WorkReport:
        await declare_queue(amqptool_vhost, "q")
        async with faulty_line(amqptool_vhost) as (line, url):
            worker = Worker(url, "q", lambda delivery: handled.append(delivery.body), dedup=None)
            serving = asyncio.create_task(worker.serve())
            await until(lambda: worker.status.consuming)
            cancel = frame.Method(2, spec.Basic.Cancel("amqptool-1", nowait=True)).marshal()
            line.edit = lambda chunk: cancel + chunk
            await publish(amqptool_vhost, [Message(body=b"x", routing_key="q")])
            await until(lambda: not worker.status.consuming)
            line.edit = lambda chunk: chunk
            await until(lambda: worker.report.acknowledged == 1)
            worker.stop()
            return await serving

    report = asyncio.run(scenario())
    assert handled[-1] == b"x"
    assert report.reconnects == 1


def test_copies_wait_for_the_end_of_an_alarm_and_nothing_else_does(
    node: RunningNode, caplog: pytest.LogCaptureFixture
) -> None:
    """A failed message stays un-acked as long as its copy is not taken; the others are handled and acknowledged."""
    handled: list[bytes] = []

    def fail_first(delivery: Delivery) -> None:
        if delivery.body == b"0":
            raise ValueError
        handled.append(delivery.body)

    async def scenario() -> tuple[WorkReport, int]:
        await declare_queue(node.url, "q")
        await publish(node.url, [Message(body=b"%d" % number, routing_key="q") for number in range(5)])
        await asyncio.to_thread(rabbitmqctl, node, "eval", f"{PATIENT}, {NO_MEMORY}.")
        worker = Worker(node.url, "q", fail_first, dedup=MemoryStore(), dead_letter="dead")
        serving = asyncio.create_task(worker.serve())
        try:
            await until(lambda: worker.report.acknowledged == 4)
            await until(lambda: "blocked" in caplog.text)
            assert worker.report.dead == 0
        finally:
            await asyncio.to_thread(rabbitmqctl, node, "eval", f"{IMPATIENT}, {MEMORY}.")
        await until(lambda: worker.report.dead == 1)
        worker.stop()
        return await serving, await queue_length(node.url, "dead")

    report, dead = asyncio.run(scenario())
    assert sorted(handled) == [b"1", b"2", b"3", b"4"]
    assert (report.failed_attempts, report.reconnects, dead) == (1, 0, 1)
