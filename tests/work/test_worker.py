"""The worker on a real broker."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from threading import Event as ThreadEvent
from uuid import uuid4

import pytest

from amqptool import (
    AmqpUrl,
    BrokerUnavailable,
    DedupError,
    Delivery,
    MemoryStore,
    Message,
    NotFound,
    Worker,
    WorkReport,
)
from amqptool.broker.amqp import connect
from amqptool.broker.local import Endpoint
from amqptool.dedup.interface import Acquired, Claim, Key
from tests.support.broker import close_connections, declare_queue, delete_queue, drain, publish, queue_length


def messages(count: int, **fields: object) -> list[Message]:
    """Make messages for queue `q`."""
    return [Message(body=b"%d" % number, routing_key="q", **fields) for number in range(count)]  # type: ignore[arg-type]


def test_handled_messages_are_acknowledged(amqptool_vhost: AmqpUrl) -> None:
    """Each message is handed to the handler once, and none is left in the queue."""
    seen: list[bytes] = []

    async def scenario() -> tuple[WorkReport, int]:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, messages(100))
        report = await Worker(
            amqptool_vhost,
            "q",
            lambda delivery: seen.append(delivery.body),
            dedup="memory:",
            max_messages=100,
        ).serve()
        return report, await queue_length(amqptool_vhost, "q")

    report, left = asyncio.run(scenario())
    assert sorted(seen, key=int) == [b"%d" % number for number in range(100)]
    assert (report.handled, left) == (100, 0)


def test_an_async_handler_runs_on_the_workers_loop(amqptool_vhost: AmqpUrl) -> None:
    """A coroutine function is awaited on the loop that serves the worker."""
    loops: list[asyncio.AbstractEventLoop] = []

    async def handle(_delivery: Delivery) -> None:
        loops.append(asyncio.get_running_loop())

    async def scenario() -> asyncio.AbstractEventLoop:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, messages(3))
        await Worker(amqptool_vhost, "q", handle, dedup=None, max_messages=3).serve()
        return asyncio.get_running_loop()

    assert loops == []
    loop = asyncio.run(scenario())
    assert loops == [loop] * 3


def test_a_message_id_is_handled_once(amqptool_vhost: AmqpUrl) -> None:
    """Copies of one message, in whatever spelling of its UUID, are acknowledged without handling."""
    runs: Counter[bytes] = Counter()
    message_id = uuid4()
    spellings = [str(message_id), str(message_id).upper(), message_id.hex, f"urn:uuid:{message_id}"]

    async def scenario() -> WorkReport:
        await declare_queue(amqptool_vhost, "q")
        await publish(
            amqptool_vhost,
            [Message(body=b"x", routing_key="q", message_id=spelling) for spelling in spellings],
        )
        return await Worker(
            amqptool_vhost,
            "q",
            lambda delivery: runs.update([delivery.body]),
            dedup="memory:",
            max_messages=4,
        ).serve()

    report = asyncio.run(scenario())
    assert runs == {b"x": 1}
    assert (report.handled, report.duplicates) == (1, 3)


def test_done_is_remembered_by_the_store_not_the_worker(amqptool_vhost: AmqpUrl) -> None:
    """A second worker on the same store suppresses what the first one did."""
    store = MemoryStore()
    message = messages(1)[0]

    async def scenario() -> WorkReport:
        await declare_queue(amqptool_vhost, "q")
        for _ in range(2):
            await publish(amqptool_vhost, [message])
            report = await Worker(amqptool_vhost, "q", lambda _: None, dedup=store, max_messages=1).serve()
        return report

    report = asyncio.run(scenario())
    assert (report.handled, report.duplicates) == (0, 1)


def test_two_queues_of_one_message_both_handle_it(amqptool_vhost: AmqpUrl) -> None:
    """The same id in two queues is two pieces of work, unless a common scope says otherwise."""
    store = MemoryStore()
    message_id = str(uuid4())

    async def work(queue: str, scope: str | None) -> WorkReport:
        await declare_queue(amqptool_vhost, queue)
        await publish(amqptool_vhost, [Message(body=b"", routing_key=queue, message_id=message_id)])
        return await Worker(
            amqptool_vhost, queue, lambda _: None, dedup=store, dedup_scope=scope, max_messages=1
        ).serve()

    async def scenario() -> list[int]:
        reports = [await work(queue, scope) for queue, scope in (("a", None), ("b", None), ("c", "s"), ("d", "s"))]
        return [report.handled for report in reports]

    assert asyncio.run(scenario()) == [1, 1, 1, 0]


@pytest.mark.parametrize("message_id", [None, "", "order-17", "00000000-0000-0000-0000-000000000000"])
def test_messages_without_a_uuid_are_handled_without_dedup(amqptool_vhost: AmqpUrl, message_id: str | None) -> None:
    """No id, or one that is no UUID, is handled every time, and counted."""

    async def scenario() -> WorkReport:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, messages(2, message_id=message_id))
        return await Worker(amqptool_vhost, "q", lambda _: None, dedup="memory:", max_messages=2).serve()

    report = asyncio.run(scenario())
    assert (report.handled, report.duplicates, report.without_id) == (2, 0, 2)


def test_a_failed_message_is_tried_again_in_place(amqptool_vhost: AmqpUrl) -> None:
    """A handler that fails gets its message again with the next attempt's number; the broker never did."""
    seen: list[tuple[int, bool]] = []

    async def handle(delivery: Delivery) -> None:
        seen.append((delivery.attempt, delivery.redelivered))
        if delivery.attempt == 1:
            raise ValueError("not yet")
        worker.stop()

    async def scenario() -> WorkReport:
        nonlocal worker
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, messages(1))
        worker = Worker(amqptool_vhost, "q", handle, dedup="memory:")
        return await worker.serve()

    worker: Worker
    report = asyncio.run(scenario())
    assert seen == [(1, False), (2, False)]
    assert (report.handled, report.failed_attempts, report.returned) == (1, 1, 0)


def test_a_failing_message_does_not_hold_up_the_others(amqptool_vhost: AmqpUrl) -> None:
    """While one message waits for its next attempt, the others are handled."""
    handled: list[bytes] = []

    def handle(delivery: Delivery) -> None:
        if delivery.body == b"0":
            raise ValueError("always")
        handled.append(delivery.body)

    async def scenario() -> tuple[WorkReport, int]:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, messages(20))
        report = await Worker(amqptool_vhost, "q", handle, dedup="memory:", idle_timeout=0.3).serve()
        return report, await queue_length(amqptool_vhost, "q")

    report, left = asyncio.run(scenario())
    assert len(handled) == 19
    assert (report.returned, report.failed, left) == (1, 1, 1)


def test_attempts_are_counted_across_workers(amqptool_vhost: AmqpUrl) -> None:
    """The store remembers how often a message failed, so the next worker's first try is not attempt 1."""
    store = MemoryStore()
    attempts: list[int] = []

    def handle(delivery: Delivery) -> None:
        attempts.append(delivery.attempt)
        raise ValueError("always")

    async def scenario() -> None:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, messages(1))
        for _ in range(3):
            await Worker(amqptool_vhost, "q", handle, dedup=store, max_messages=1).serve()

    asyncio.run(scenario())
    assert attempts == [1, 2, 3]


def test_no_more_than_max_messages_are_taken(amqptool_vhost: AmqpUrl) -> None:
    """The rest stays in the queue, and the first of it is not even marked as redelivered."""

    async def scenario() -> list[Delivery]:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, messages(5))
        await Worker(amqptool_vhost, "q", lambda _: None, dedup=None, max_messages=1).serve()
        return await drain(amqptool_vhost, "q")

    rest = asyncio.run(scenario())
    assert [(delivery.body, delivery.redelivered) for delivery in rest] == [
        (b"1", False),
        (b"2", False),
        (b"3", False),
        (b"4", False),
    ]


def test_stopping_returns_what_was_not_started_and_finishes_what_was(amqptool_vhost: AmqpUrl) -> None:
    """A running handler completes and is acknowledged; everything behind it goes back, unclaimed."""
    store = MemoryStore()
    started = asyncio.Event()
    release = asyncio.Event()

    async def handle(_delivery: Delivery) -> None:
        started.set()
        await release.wait()

    async def scenario() -> tuple[WorkReport, list[Delivery], list[Claim]]:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, messages(10))
        worker = Worker(amqptool_vhost, "q", handle, dedup=store, dedup_scope="s")
        serving = asyncio.create_task(worker.serve())
        await started.wait()
        worker.stop()
        while await queue_length(amqptool_vhost, "q") < 9:
            pass
        release.set()
        report = await serving
        rest = await drain(amqptool_vhost, "q")
        return report, rest, store.claim([Key("s", delivery.message_id or "") for delivery in rest])

    report, rest, claims = asyncio.run(scenario())
    assert (report.handled, report.returned, len(rest)) == (1, 9, 9)
    assert all(isinstance(claim, Acquired) for claim in claims)


def test_a_handler_that_outlives_the_grace_is_left_behind(amqptool_vhost: AmqpUrl) -> None:
    """After the grace the worker ends, and the unfinished message is still the broker's."""
    started, never = asyncio.Event(), ThreadEvent()
    loop: asyncio.AbstractEventLoop

    def hang(_delivery: Delivery) -> None:
        loop.call_soon_threadsafe(started.set)
        never.wait()

    async def scenario() -> tuple[WorkReport, int]:
        nonlocal loop
        loop = asyncio.get_running_loop()
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, messages(1))
        worker = Worker(amqptool_vhost, "q", hang, dedup=None, grace=0.2)
        serving = asyncio.create_task(worker.serve())
        await started.wait()
        worker.stop()
        report = await serving
        never.set()
        return report, await queue_length(amqptool_vhost, "q")

    report, left = asyncio.run(scenario())
    assert (report.handled, report.abandoned, left) == (0, 1, 1)


def test_concurrency_bounds_the_handlers_that_run_at_once(amqptool_vhost: AmqpUrl) -> None:
    """Exactly as many handlers run at once as were asked for."""
    running, most = 0, 0

    async def handle(_delivery: Delivery) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    async def scenario() -> None:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, messages(50))
        await Worker(amqptool_vhost, "q", handle, dedup="memory:", concurrency=4, max_messages=50).serve()

    asyncio.run(scenario())
    assert most == 4


def test_a_worker_comes_back_after_its_connection_is_closed(amqptool_vhost: AmqpUrl, amqptool_node: Endpoint) -> None:
    """A worker whose connections are closed by an operator consumes again, and nothing runs twice."""
    runs: Counter[bytes] = Counter()
    halfway = asyncio.Event()

    async def handle(delivery: Delivery) -> None:
        runs.update([delivery.body])
        if len(runs) == 50:
            halfway.set()

    async def scenario() -> tuple[WorkReport, int]:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, messages(50))
        worker = Worker(amqptool_vhost, "q", handle, dedup="memory:", max_messages=100)
        serving = asyncio.create_task(worker.serve())
        await halfway.wait()
        await close_connections(amqptool_node, amqptool_vhost)
        await publish(amqptool_vhost, [Message(body=b"%d" % number, routing_key="q") for number in range(50, 100)])
        return await serving, await queue_length(amqptool_vhost, "q")

    report, left = asyncio.run(scenario())
    assert len(runs) == 100
    assert set(runs.values()) == {1}
    assert (report.reconnects, left) == (1, 0)


def test_a_deleted_queue_ends_the_worker_with_an_error(amqptool_vhost: AmqpUrl) -> None:
    """A worker whose queue is deleted does not idle in silence."""
    consuming = asyncio.Event()

    async def handle(_delivery: Delivery) -> None:
        consuming.set()

    async def scenario() -> None:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, messages(1))
        serving = asyncio.create_task(Worker(amqptool_vhost, "q", handle, dedup=None).serve())
        await consuming.wait()
        await delete_queue(amqptool_vhost, "q")
        await serving

    with pytest.raises(NotFound, match="no queue 'q'"):
        asyncio.run(scenario())


def test_a_queue_that_does_not_exist_is_an_error_at_once(amqptool_vhost: AmqpUrl) -> None:
    """Consuming from an unknown queue raises instead of waiting for it."""
    with pytest.raises(NotFound, match="no queue 'nope'"):
        asyncio.run(Worker(amqptool_vhost, "nope", lambda _: None, dedup=None).serve())


def test_no_broker_at_the_start_is_an_error_at_once() -> None:
    """Only a worker that was connected once keeps trying."""
    with pytest.raises(BrokerUnavailable, match="refused"):
        asyncio.run(Worker("amqp://guest:guest@127.0.0.1:1", "q", lambda _: None, dedup=None).serve())


class _StoreThatFailsOnce(MemoryStore):
    """A store that is down when DONE is first to be written."""

    failures = 1

    def complete(self, claims: Sequence[Acquired]) -> list[bool]:
        if claims and self.failures:
            self.failures -= 1
            raise DedupError("the disk is full")
        return super().complete(claims)


def test_a_failing_store_delays_acknowledgements_and_loses_nothing(amqptool_vhost: AmqpUrl) -> None:
    """While DONE cannot be written nothing is acknowledged or run again; then the worker goes on."""
    runs: Counter[bytes] = Counter()

    async def scenario() -> tuple[WorkReport, int]:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, messages(5))
        report = await Worker(
            amqptool_vhost,
            "q",
            lambda delivery: runs.update([delivery.body]),
            dedup=_StoreThatFailsOnce(),
            max_messages=5,
        ).serve()
        return report, await queue_length(amqptool_vhost, "q")

    report, left = asyncio.run(scenario())
    assert set(runs.values()) == {1}
    assert (report.handled, left) == (5, 0)


def test_an_idle_worker_stops_after_the_idle_timeout(amqptool_vhost: AmqpUrl) -> None:
    """With nothing to do the worker ends by itself, saying why."""

    async def scenario() -> WorkReport:
        await declare_queue(amqptool_vhost, "q")
        return await Worker(amqptool_vhost, "q", lambda _: None, dedup=None, idle_timeout=0.1).serve()

    assert asyncio.run(scenario()).stopped_by == "idle-timeout"


def test_a_worker_beside_other_tasks_of_one_loop(amqptool_vhost: AmqpUrl) -> None:
    """A worker serves beside a publisher on the same event loop."""
    handled = asyncio.Event()

    async def handle(_delivery: Delivery) -> None:
        handled.set()

    async def scenario() -> WorkReport:
        await declare_queue(amqptool_vhost, "q")
        worker = Worker(amqptool_vhost, "q", handle, dedup="memory:")
        serving = asyncio.create_task(worker.serve())
        await publish(amqptool_vhost, messages(1))
        await handled.wait()
        worker.stop()
        return await serving

    assert asyncio.run(scenario()).handled == 1


def test_the_scope_of_ids_is_the_clusters(amqptool_vhost: AmqpUrl) -> None:
    """The scope of ids begins with the cluster's name, which every node of it tells."""

    async def scenario() -> str:
        async with connect(amqptool_vhost) as connection:
            return connection.cluster_name

    assert asyncio.run(scenario()).count("@") == 1
