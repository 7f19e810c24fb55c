"""A worker with several brokers to turn to, and connections that are lost again and again."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from amqptool import AmqpUrl, ConfigError, Delivery, MemoryStore, Message, Worker, WorkReport
from tests.faults.proxy import FaultProxy, fault_proxy
from tests.support.broker import declare_queue, publish, queue_length
from tests.support.faulty import faulty_line
from tests.support.monitoring import until


def numbered(number: int) -> Message:
    """Make a message for `q`."""
    return Message(body=b"%d" % number, routing_key="q")


def test_a_worker_and_its_copies_turn_to_the_host_that_is_left(amqptool_vhost: AmqpUrl) -> None:
    """Of two hosts the first dies, with the consumer and the retries on it: both go on at the other one."""

    def fail_first(delivery: Delivery) -> None:
        if delivery.attempt == 1:
            raise ValueError

    async def scenario() -> tuple[WorkReport, int]:
        await declare_queue(amqptool_vhost, "q")
        async with faulty_line(amqptool_vhost) as (other, other_url):
            async with faulty_line(amqptool_vhost) as (first, first_url):
                urls = [first_url, other_url]
                worker = Worker(urls, "q", fail_first, dedup=None, retry=(0.1,), dead_letter="dead")
                serving = asyncio.create_task(worker.serve())
                await publish(amqptool_vhost, [numbered(1)])
                await until(lambda: worker.report.handled == 1)
                assert (first.connections, other.connections) == (2, 0)
            await publish(amqptool_vhost, [numbered(2)])
            await until(lambda: worker.report.handled == 2)
            worker.stop()
            return await serving, other.connections

    report, connections = asyncio.run(scenario())
    assert (report.retried, report.reconnects, report.dead) == (2, 1, 0)
    assert connections == 2


@pytest.mark.parametrize(("settings", "warnings"), [({}, 1), ({"dedup_scope": "shop"}, 0), ({"dedup": None}, 0)])
def test_a_host_with_another_cluster_name_is_told_of(
    amqptool_vhost: AmqpUrl,
    mortal_vhost: AmqpUrl,
    caplog: pytest.LogCaptureFixture,
    settings: dict[str, Any],
    warnings: int,
) -> None:
    """As of a node of a cluster whose name was never set, away at the start; but not where ids do not go by it."""

    async def scenario(proxy: FaultProxy) -> None:
        for url in (amqptool_vhost, mortal_vhost):
            await declare_queue(url, "q")
        other = replace(mortal_vhost, host="127.0.0.1", port=proxy.port)
        async with faulty_line(amqptool_vhost) as (_, first):
            worker = Worker([first, other], "q", print, **{"dedup": MemoryStore(), **settings})
            serving = asyncio.create_task(worker.serve())
            await until(lambda: worker.status.consuming)
            proxy.accept()
        await until(lambda: worker.report.reconnects == 1)
        worker.stop()
        await serving

    with fault_proxy(mortal_vhost.port) as proxy:
        proxy.refuse()
        asyncio.run(scenario(proxy))
    assert sum("calls its cluster" in record.message for record in caplog.records) == warnings


def test_hosts_with_different_cluster_names_are_refused(amqptool_vhost: AmqpUrl, mortal_vhost: AmqpUrl) -> None:
    """Before anything is consumed, as what is done on one would be done again after a failover to the other."""

    async def scenario() -> None:
        for url in (amqptool_vhost, mortal_vhost):
            await declare_queue(url, "q")
        await publish(amqptool_vhost, [numbered(1)])
        dead = replace(amqptool_vhost, port=1)
        with pytest.raises(ConfigError, match="different names of their cluster"):
            await Worker([dead, amqptool_vhost, mortal_vhost], "q", print, dedup=MemoryStore()).serve()
        assert await queue_length(amqptool_vhost, "q") == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("settings", [{"dedup_scope": "shop"}, {"dedup": None}])
def test_hosts_with_different_cluster_names_serve_whom_they_do_not_concern(
    amqptool_vhost: AmqpUrl, mortal_vhost: AmqpUrl, settings: dict[str, Any]
) -> None:
    """Those whose ids do not go by it."""

    async def scenario() -> WorkReport:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [numbered(1)])
        settled = {"dedup": MemoryStore(), **settings}
        return await Worker([amqptool_vhost, mortal_vhost], "q", lambda _: None, max_messages=1, **settled).serve()

    assert asyncio.run(scenario()).handled == 1


def test_a_first_host_that_is_dead_is_passed_over(amqptool_vhost: AmqpUrl) -> None:
    """At the start as well, by the worker and by its copies."""

    def fail(_delivery: Delivery) -> None:
        raise ValueError

    async def scenario() -> WorkReport:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [numbered(1)])
        dead = replace(amqptool_vhost, port=1)
        return await Worker([dead, amqptool_vhost], "q", fail, dedup=None, dead_letter="dead", max_messages=1).serve()

    report = asyncio.run(scenario())
    assert (report.dead, report.reconnects) == (1, 0)
    assert asyncio.run(queue_length(amqptool_vhost, "dead")) == 1


def test_consumers_are_there_after_each_of_fifty_reconnects(amqptool_vhost: AmqpUrl) -> None:
    """Five workers' connections are reset ten times: what comes after is handled, every time, and once."""
    queues, rounds = [f"q{number}" for number in range(5)], 10
    handled: Counter[tuple[str, bytes]] = Counter()

    def handle(delivery: Delivery) -> None:
        handled.update([(delivery.queue, delivery.body)])

    async def scenario() -> list[WorkReport]:
        for queue in queues:
            await declare_queue(amqptool_vhost, queue)
        async with faulty_line(amqptool_vhost) as (line, url), asyncio.TaskGroup() as group:
            workers = [Worker(url, queue, handle, dedup=MemoryStore()) for queue in queues]
            for worker in workers:
                group.create_task(worker.serve())
            for number in range(rounds):
                await publish(amqptool_vhost, [Message(body=b"%d" % number, routing_key=queue) for queue in queues])
                await until(lambda: {worker.report.handled for worker in workers} == {number + 1})  # noqa: B023
                line.reset()
                await until(lambda: {worker.report.reconnects for worker in workers} == {number + 1})  # noqa: B023
            for worker in workers:
                worker.stop()
        return [worker.report for worker in workers]

    reports = asyncio.run(scenario())
    assert handled == {(queue, b"%d" % number): 1 for queue in queues for number in range(rounds)}
    assert [report.reconnects for report in reports] == [rounds] * 5
