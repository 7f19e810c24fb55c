"""How a worker ends, whatever its handler, its embedding program, the broker or the store do."""

from __future__ import annotations

import asyncio
import math
import sqlite3
from pathlib import Path
from typing import Any, Literal

import pytest

from amqptool import AmqpUrl, Delivery, HandlerError, MemoryStore, Message, NotFound, Worker, WorkReport
from amqptool.dedup.interface import Acquired, Key
from amqptool.work.pipeline import COMMIT_GROUP
from tests.support.broker import declare_queue, delete_queue, publish, queue_length
from tests.support.monitoring import until


async def prepare(url: AmqpUrl, count: int) -> None:
    """Put messages into queue `q`."""
    await declare_queue(url, "q")
    await publish(url, [Message(body=b"%d" % number, routing_key="q") for number in range(count)])


def other_tasks() -> set[asyncio.Task[object]]:
    """Return what runs on the loop beside the test."""
    return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]


def test_a_handler_that_cancels_itself_fails_and_keeps_its_slot(amqptool_vhost: AmqpUrl) -> None:
    """A cancellation from within a handler is a failed attempt, and the messages behind it are handled."""

    async def handle(delivery: Delivery) -> None:
        task = asyncio.current_task()
        if delivery.body == b"1" and delivery.attempt == 1 and task is not None:
            task.cancel()
            await asyncio.sleep(0)

    async def scenario() -> WorkReport:
        await prepare(amqptool_vhost, 5)
        return await Worker(amqptool_vhost, "q", handle, dedup="memory:", idle_timeout=2).serve()

    report = asyncio.run(scenario())
    assert (report.handled, report.failed_attempts) == (5, 1)


def test_a_handler_that_swallows_its_cancellation_does_not_hold_up_the_end(amqptool_vhost: AmqpUrl) -> None:
    """After the grace the worker ends, also when the handler ignores that it was cancelled."""
    started = asyncio.Event()
    released = asyncio.Event()

    async def handle(_delivery: Delivery) -> None:
        started.set()
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue

    async def scenario() -> WorkReport:
        await prepare(amqptool_vhost, 1)
        worker = Worker(amqptool_vhost, "q", handle, dedup=None, grace=0.1)
        serving = asyncio.create_task(worker.serve())
        await started.wait()
        worker.stop()
        async with asyncio.timeout(20):
            report = await serving
        released.set()
        return report

    assert asyncio.run(scenario()).abandoned == 1


def test_a_cancelled_handler_gives_its_claim_up(amqptool_vhost: AmqpUrl) -> None:
    """What an async handler did not finish can be claimed at once by the next worker of the same process."""
    store = MemoryStore()
    started = asyncio.Event()

    async def handle(_delivery: Delivery) -> None:
        started.set()
        await asyncio.Event().wait()

    async def scenario() -> WorkReport:
        await prepare(amqptool_vhost, 1)
        worker = Worker(amqptool_vhost, "q", handle, dedup=store, grace=0.1)
        serving = asyncio.create_task(worker.serve())
        await started.wait()
        worker.stop()
        await serving
        return await Worker(amqptool_vhost, "q", lambda _: None, dedup=store, max_messages=1).serve()

    assert asyncio.run(scenario()).handled == 1


@pytest.mark.parametrize("times", [1, 4])
def test_a_claim_is_given_up_however_often_serve_is_cancelled(amqptool_vhost: AmqpUrl, times: int) -> None:
    """Nobody else would get it for as long as the process lives, or for a lease."""
    store = MemoryStore()
    started = asyncio.Event()

    async def handle(_delivery: Delivery) -> None:
        started.set()
        await asyncio.Event().wait()

    async def scenario() -> WorkReport:
        await prepare(amqptool_vhost, 1)
        serving = asyncio.create_task(Worker(amqptool_vhost, "q", handle, dedup=store, grace=0.1).serve())
        await started.wait()
        for _ in range(times):
            serving.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([serving])
        async with asyncio.timeout(20):
            return await Worker(amqptool_vhost, "q", lambda _: None, dedup=store, max_messages=1).serve()

    assert asyncio.run(scenario()).handled == 1


@pytest.mark.parametrize(("stop_first", "times"), [(True, 3), (False, 3), (False, 4), (False, 10)])
def test_cancelling_serve_leaves_no_task_behind(amqptool_vhost: AmqpUrl, stop_first: bool, times: int) -> None:
    """An embedding program may cancel a worker, even while it stops and more than once."""
    started = asyncio.Event()

    async def handle(_delivery: Delivery) -> None:
        started.set()
        await asyncio.Event().wait()

    async def scenario() -> set[asyncio.Task[object]]:
        await prepare(amqptool_vhost, 3)
        worker = Worker(amqptool_vhost, "q", handle, dedup="memory:", dead_letter="dead", grace=30)
        serving = asyncio.create_task(worker.serve())
        await started.wait()
        if stop_first:
            worker.stop()
            await asyncio.sleep(0)
        for _ in range(times):
            serving.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await serving
        while any(task.cancelling() for task in other_tasks()):
            await asyncio.sleep(0)
        return other_tasks()

    assert asyncio.run(scenario()) == set()


def test_a_queue_deleted_behind_the_last_message_does_not_hang(amqptool_vhost: AmqpUrl) -> None:
    """A worker that has all it wants ends, also when the broker cancels its consumer in the same moment."""

    async def handle(_delivery: Delivery) -> None:
        await delete_queue(amqptool_vhost, "q")

    async def scenario() -> None:
        await prepare(amqptool_vhost, 2)
        async with asyncio.timeout(30):
            await Worker(amqptool_vhost, "q", handle, dedup=None, max_messages=2, prefetch=1).serve()

    with pytest.raises(NotFound):
        asyncio.run(scenario())


@pytest.mark.parametrize(("commit", "most"), [("group", COMMIT_GROUP + 1), ("each", 1)])
def test_no_more_than_a_commit_group_is_handled_while_done_cannot_be_written(
    amqptool_vhost: AmqpUrl, tmp_path: Path, commit: Literal["group", "each"], most: int
) -> None:
    """With the store locked, handling stops after a bounded number, which is all that a crash could repeat."""
    handled, count = 0, COMMIT_GROUP + 100
    locked = sqlite3.connect(tmp_path / "dedup.db", isolation_level=None, check_same_thread=False)
    reached = asyncio.Event()

    def claimed() -> int:
        (count,) = locked.execute("SELECT count(*) FROM amqptool_dedup").fetchone()
        return int(count)

    async def handle(_delivery: Delivery) -> None:
        nonlocal handled
        if handled == 0:
            while not locked.in_transaction:
                try:
                    locked.execute("BEGIN IMMEDIATE")
                    if claimed() <= most:  # only what is claimed by now can be handled
                        locked.execute("ROLLBACK")
                except sqlite3.OperationalError:
                    pass  # the worker is writing
                await asyncio.sleep(0)
        handled += 1
        if handled == most:
            reached.set()

    async def scenario() -> int:
        await prepare(amqptool_vhost, count)
        store = f"sqlite:///{tmp_path}/dedup.db"
        worker = Worker(amqptool_vhost, "q", handle, dedup=store, commit=commit, max_messages=count, prefetch=count)
        serving = asyncio.create_task(worker.serve())
        await reached.wait()
        await queue_length(amqptool_vhost, "q")  # round trips to the broker: time enough for one message more
        held = handled
        locked.execute("ROLLBACK")
        await serving
        return held

    assert asyncio.run(scenario()) == most
    locked.close()
    assert handled == count


def test_an_idle_worker_ends_at_once(amqptool_vhost: AmqpUrl) -> None:
    """D9: it waits for no message, no heartbeat and no poll."""

    async def scenario() -> float:
        await prepare(amqptool_vhost, 0)
        worker = Worker(amqptool_vhost, "q", lambda _: None, dedup="memory:")
        serving = asyncio.create_task(worker.serve())
        await until(lambda: worker.status.consuming)
        asked = asyncio.get_running_loop().time()
        worker.stop()
        await serving
        return asyncio.get_running_loop().time() - asked

    assert asyncio.run(scenario()) < 1


def test_a_worker_serves_once(amqptool_vhost: AmqpUrl) -> None:
    """A second serve() is a mistake that is told, not an old report."""

    async def scenario() -> None:
        await prepare(amqptool_vhost, 0)
        worker = Worker(amqptool_vhost, "q", lambda _: None, dedup=None, idle_timeout=0.01)
        await worker.serve()
        with pytest.raises(RuntimeError, match="serves once"):
            await worker.serve()

    asyncio.run(scenario())


@pytest.mark.parametrize("settings", [{"concurrency": 0}, {"prefetch": 0}, {"max_messages": 0}])
def test_numbers_from_1_are_needed(settings: dict[str, int]) -> None:
    """A worker that could never handle anything cannot be made."""
    with pytest.raises(ValueError, match="from 1"):
        Worker("amqp://localhost", "q", lambda _: None, dedup=None, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["grace", "idle_timeout", "timeout", "consumer_timeout"])
@pytest.mark.parametrize("seconds", [-1.0, math.nan])
def test_seconds_that_are_none_are_refused(name: str, seconds: float) -> None:
    """Such as what a calculation gone wrong makes: nothing would ever be later than that."""
    settings: dict[str, Any] = {name: seconds}
    with pytest.raises(ValueError, match=f"{name}.* seconds"):
        Worker("amqp://localhost", "q", lambda _: None, dedup=None, **settings)


def test_a_handler_must_be_callable() -> None:
    """Or name what can be called, or whatever else handles messages."""
    with pytest.raises(HandlerError, match="not int"):
        Worker("amqp://localhost", "q", 7, dedup=None)  # type: ignore[arg-type]
    with pytest.raises(HandlerError, match="no module 'app'"):
        Worker("amqp://localhost", "q", "app:handle", dedup=None)


def test_claims_of_unstarted_messages_are_free_after_the_end(amqptool_vhost: AmqpUrl) -> None:
    """Ending early leaves no claim on what no handler saw."""
    store = MemoryStore()
    keys: list[Key] = []

    async def handle(delivery: Delivery) -> None:
        keys.append(Key("s", delivery.message_id or ""))
        worker.stop()

    async def scenario() -> None:
        nonlocal worker
        await prepare(amqptool_vhost, 50)
        worker = Worker(amqptool_vhost, "q", handle, dedup=store, dedup_scope="s")
        await worker.serve()
        rest: list[Key] = []
        await Worker(
            amqptool_vhost, "q", lambda d: rest.append(Key("s", d.message_id or "")), dedup=None, idle_timeout=0.3
        ).serve()
        assert all(isinstance(claim, Acquired) for claim in store.claim(sorted(set(rest) - set(keys))))

    worker: Worker
    asyncio.run(scenario())
