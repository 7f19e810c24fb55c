"""Failed messages on a real broker: copies that wait, copies that are dead, and originals that stay."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from amqptool import (
    AmqpUrl,
    Delivery,
    MemoryStore,
    Message,
    NotFound,
    PreconditionFailed,
    Reject,
    Retry,
    Topology,
    Worker,
    WorkReport,
    declare,
)
from amqptool.broker.amqp import connect
from amqptool.retry import wait_queue
from tests.support.broker import declare_queue, delete_queue, drain, publish, queue_length

#: Seconds until a worker that has nothing to do ends, longer than a message waits here.
IDLE = 2.0
WAIT = wait_queue("q", 100)


async def work(url: AmqpUrl, handler: Callable[[Delivery], Any], **settings: Any) -> WorkReport:
    """Work until nothing comes any more."""
    return await Worker(url, "q", handler, **{"dedup": None, "idle_timeout": IDLE, **settings}).serve()


def test_a_message_that_always_fails_ends_as_a_dead_letter(amqptool_vhost: AmqpUrl) -> None:
    """One attempt, one more for each delay, and then the dead-letter queue, with the reason."""
    attempts: list[int] = []

    def fail(delivery: Delivery) -> None:
        attempts.append(delivery.attempt)
        raise ValueError(f"broken {delivery.attempt}")

    async def scenario() -> tuple[WorkReport, Delivery]:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b"x", routing_key="q", headers={"tenant": "a"})])
        report = await work(amqptool_vhost, fail, dedup=MemoryStore(), retry=(0.1, 0.1), dead_letter="dead")
        assert await queue_length(amqptool_vhost, "q") == 0
        [dead] = await drain(amqptool_vhost, "dead")
        return report, dead

    report, dead = asyncio.run(scenario())
    assert attempts == [1, 2, 3]
    assert (report.failed_attempts, report.retried, report.dead, report.handled) == (3, 2, 1, 0)
    assert (dead.body, dead.headers["tenant"]) == (b"x", "a")
    assert dead.headers["amqptool-error"] == "ValueError: broken 3"
    history: Any = dead.headers["amqptool-history"]
    assert [entry["error"] for entry in history] == [f"ValueError: broken {number}" for number in (1, 2, 3)]


def test_a_later_attempt_sees_what_was_sent(amqptool_vhost: AmqpUrl) -> None:
    """Exchange, key, headers and expiration are the publisher's in each attempt, and success ends it."""
    seen: list[Delivery] = []

    def fail_once(delivery: Delivery) -> None:
        seen.append(delivery)
        if delivery.attempt == 1:
            raise ValueError

    sent = Message(
        body=b"x", exchange="amq.topic", routing_key="order.new", expiration="60000", headers={"CC": ["nobody"], "n": 1}
    )

    async def scenario() -> WorkReport:
        await declare_queue(amqptool_vhost, "q")
        async with connect(amqptool_vhost) as connection:
            channel = await connection.channel()
            await channel.bind_queue("amq.topic", "q", "order.*")
        await publish(amqptool_vhost, [sent])
        return await work(amqptool_vhost, fail_once, dedup=MemoryStore(), retry=(0.1,))

    report = asyncio.run(scenario())
    assert [delivery.message for delivery in seen] == [sent, sent]
    assert [delivery.attempt for delivery in seen] == [1, 2]
    assert (report.retried, report.handled) == (1, 1)


def test_a_rejected_message_is_dead_at_once(amqptool_vhost: AmqpUrl) -> None:
    """No further attempt can help it, says its handler."""

    def reject(_delivery: Delivery) -> None:
        raise Reject("no such customer")

    async def scenario() -> tuple[WorkReport, Delivery]:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b"x", routing_key="q")])
        report = await work(amqptool_vhost, reject, retry=(60,), dead_letter="dead")
        [dead] = await drain(amqptool_vhost, "dead")
        return report, dead

    report, dead = asyncio.run(scenario())
    assert (report.failed_attempts, report.retried, report.dead) == (1, 0, 1)
    assert (dead.headers["amqptool-reason"], dead.headers["amqptool-error"]) == ("rejected", "Reject: no such customer")


def test_a_handler_asks_for_an_attempt_later_on(amqptool_vhost: AmqpUrl) -> None:
    """`Retry` chooses the delay that is long enough, and counts as an attempt."""

    def ask(_delivery: Delivery) -> None:
        raise Retry("the shop is closed", after=30)

    async def scenario() -> tuple[WorkReport, Delivery]:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b"x", routing_key="q")])
        report = await work(amqptool_vhost, ask, retry=(0.1, 60), dead_letter="dead")
        [waiting] = await drain(amqptool_vhost, wait_queue("q", 60_000))
        return report, waiting

    report, waiting = asyncio.run(scenario())
    assert (report.failed_attempts, report.retried, report.dead) == (1, 1, 0)
    assert (waiting.headers["amqptool-attempt"], waiting.headers["amqptool-error"]) == (2, "Retry: the shop is closed")


def test_a_short_wait_is_not_behind_a_long_one(amqptool_vhost: AmqpUrl) -> None:
    """A queue lets its messages go in their order, so each delay has one of its own."""
    handled: list[bytes] = []

    def ask_at_first(delivery: Delivery) -> None:
        if delivery.attempt == 1:
            raise Retry(after=60 if delivery.body == b"long" else 0.1)
        handled.append(delivery.body)

    async def scenario() -> WorkReport:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=body, routing_key="q") for body in (b"long", b"short")])
        return await work(amqptool_vhost, ask_at_first, retry=(0.1, 60))

    report = asyncio.run(scenario())
    assert (handled, report.retried) == ([b"short"], 2)


def test_a_dead_letter_that_is_sent_again_begins_anew(amqptool_vhost: AmqpUrl) -> None:
    """The store has forgotten it: the same id is handled, as a first attempt."""
    store = MemoryStore()
    message = Message(body=b"x", routing_key="q")
    attempts: list[int] = []

    def fail_at_first(delivery: Delivery) -> None:
        attempts.append(delivery.attempt)
        if len(attempts) == 1:
            raise ValueError

    async def scenario() -> WorkReport:
        await declare_queue(amqptool_vhost, "q")
        for _ in range(2):
            await publish(amqptool_vhost, [message])
            report = await work(amqptool_vhost, fail_at_first, dedup=store, dead_letter="dead")
        return report

    assert asyncio.run(scenario()).handled == 1
    assert attempts == [1, 1]


def test_an_original_stays_while_its_copy_is_refused(amqptool_vhost: AmqpUrl) -> None:
    """A dead-letter queue that takes nothing: the message is kept, and given back in the end."""

    def fail(_delivery: Delivery) -> None:
        raise ValueError

    async def scenario() -> tuple[WorkReport, int, int]:
        await declare_queue(amqptool_vhost, "q")
        await declare_queue(amqptool_vhost, "full", **{"x-max-length": 0, "x-overflow": "reject-publish"})
        await publish(amqptool_vhost, [Message(body=b"x", routing_key="q")])
        report = await work(amqptool_vhost, fail, dedup=MemoryStore(), dead_letter="full", max_messages=1)
        return report, await queue_length(amqptool_vhost, "q"), await queue_length(amqptool_vhost, "full")

    report, left, dead = asyncio.run(scenario())
    assert (report.acknowledged, report.dead, left, dead) == (0, 0, 1, 0)


def test_a_copy_that_is_refused_is_no_further_attempt(amqptool_vhost: AmqpUrl) -> None:
    """While the dead-letter queue takes nothing only the copy is sent again; the handler is not called for it."""
    attempts: list[int] = []

    async def fail(delivery: Delivery) -> None:
        attempts.append(delivery.attempt)
        raise ValueError

    async def scenario() -> tuple[WorkReport, int]:
        await declare_queue(amqptool_vhost, "q")
        await declare_queue(amqptool_vhost, "full", **{"x-max-length": 1, "x-overflow": "reject-publish"})
        await publish(amqptool_vhost, [Message(body=b"in the way", routing_key="full")])
        await publish(amqptool_vhost, [Message(body=b"x", routing_key="q")])
        worker = Worker(amqptool_vhost, "q", fail, dedup=MemoryStore(), dead_letter="full")
        serving = asyncio.create_task(worker.serve())
        while not attempts:
            await asyncio.sleep(0.01)
        await drain(amqptool_vhost, "full")
        while not worker.report.dead:
            await asyncio.sleep(0.01)
        worker.stop()
        return await serving, await queue_length(amqptool_vhost, "q")

    report, left = asyncio.run(scenario())
    assert (attempts, report.failed_attempts, report.dead, left) == ([1], 1, 1, 0)


def test_a_failed_message_is_in_no_other_messages_way(amqptool_vhost: AmqpUrl) -> None:
    """Those behind it are handled, by the only hand there is, although its copy cannot be confirmed."""
    handled: list[bytes] = []

    def fail_first(delivery: Delivery) -> None:
        if delivery.body == b"0":
            raise ValueError
        handled.append(delivery.body)

    async def scenario() -> None:
        await declare_queue(amqptool_vhost, "q")
        await declare_queue(amqptool_vhost, "full", **{"x-max-length": 0, "x-overflow": "reject-publish"})
        await publish(amqptool_vhost, [Message(body=b"%d" % number, routing_key="q") for number in range(5)])
        await work(amqptool_vhost, fail_first, dead_letter="full", idle_timeout=0.5)

    asyncio.run(scenario())
    assert handled == [b"1", b"2", b"3", b"4"]


def test_what_a_handler_does_to_its_headers_is_not_in_the_copy(amqptool_vhost: AmqpUrl) -> None:
    """The next attempt sees what was sent, and not even what AMQP cannot carry is in its way."""
    seen: list[dict[str, Any]] = []

    def spoil(delivery: Delivery) -> None:
        headers: Any = delivery.headers
        seen.append({**headers, "list": list(headers["list"])})
        headers["list"].append(object())
        headers["new"] = object()
        if delivery.attempt == 1:
            raise ValueError

    async def scenario() -> WorkReport:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b"x", routing_key="q", headers={"list": [1]})])
        return await work(amqptool_vhost, spoil, retry=(0.1,))

    assert asyncio.run(scenario()).handled == 1
    assert seen == [{"list": [1]}] * 2


def test_a_queue_that_is_not_there_leaves_no_wait_queue_behind(amqptool_vhost: AmqpUrl) -> None:
    """Nothing is declared for a misspelt name."""

    async def scenario() -> None:
        with pytest.raises(NotFound):
            await work(amqptool_vhost, lambda _: None, retry=(0.1,))
        with pytest.raises(NotFound):
            await queue_length(amqptool_vhost, WAIT)

    asyncio.run(scenario())


def test_a_wait_queue_that_was_deleted_is_declared_again(amqptool_vhost: AmqpUrl) -> None:
    """A copy that comes back from nowhere makes its queue anew, and is sent once more."""
    attempts: list[int] = []

    async def fail_once(delivery: Delivery) -> None:
        attempts.append(delivery.attempt)
        if delivery.attempt == 1:
            await delete_queue(amqptool_vhost, WAIT)
            raise ValueError

    async def scenario() -> WorkReport:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b"x", routing_key="q")])
        return await work(amqptool_vhost, fail_once, retry=(0.1,))

    assert asyncio.run(scenario()).handled == 1
    assert attempts == [1, 2]


def test_a_wait_queue_of_other_properties_is_refused_at_the_start(amqptool_vhost: AmqpUrl) -> None:
    """Before anything is taken from the queue."""

    async def scenario() -> None:
        await declare_queue(amqptool_vhost, "q")
        await declare_queue(amqptool_vhost, WAIT)
        await work(amqptool_vhost, lambda _: None, retry=(0.1,))

    with pytest.raises(PreconditionFailed, match=r"amqptool\.retry\.q\.100"):
        asyncio.run(scenario())


def test_the_queues_are_those_of_a_topology_file(amqptool_vhost: AmqpUrl) -> None:
    """What `declare` has made of `retry` and `dead_letter` is what a worker needs, and nothing is changed."""

    async def scenario() -> WorkReport:
        outcomes = await declare(amqptool_vhost, Topology.parse("queues: {q: {retry: [100ms], dead_letter: dead}}"))
        assert [outcome.error for outcome in outcomes] == [None] * 3
        await publish(amqptool_vhost, [Message(body=b"x", routing_key="q")])
        return await work(
            amqptool_vhost, lambda delivery: 1 // (delivery.attempt - 1), retry=(0.1,), dead_letter="dead"
        )

    report = asyncio.run(scenario())
    assert (report.retried, report.handled) == (1, 1)


def test_headers_without_room_for_reasons_are_passed_on_all_the_same(amqptool_vhost: AmqpUrl) -> None:
    """A message whose own headers nearly fill a frame must not be stuck for what we would add to them."""
    headers = {"large": "x" * 130_500}

    def fail(_delivery: Delivery) -> None:
        raise ValueError("y" * 1000)

    async def scenario() -> Delivery:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b"x", routing_key="q", headers=headers)])
        assert (await work(amqptool_vhost, fail, dead_letter="dead")).dead == 1
        [dead] = await drain(amqptool_vhost, "dead")
        return dead

    told = asyncio.run(scenario()).headers
    assert (told["large"], told["amqptool-reason"]) == (headers["large"], "failed")
    assert str(told["amqptool-error"]).startswith("ValueError: yyy")
    assert len(str(told["amqptool-error"])) == 200
    assert not {"amqptool-history", "amqptool-traceback"} & set(told)


def test_many_fail_at_once(amqptool_vhost: AmqpUrl) -> None:
    """Handlers that fail together share one connection for their copies."""

    async def fail(delivery: Delivery) -> None:
        if delivery.attempt == 1:
            raise ValueError

    async def scenario() -> WorkReport:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b"x", routing_key="q") for _ in range(200)])
        return await work(amqptool_vhost, fail, dedup=MemoryStore(), retry=(0.1,), concurrency=20)

    report = asyncio.run(scenario())
    assert (report.retried, report.handled, report.reconnects) == (200, 200, 0)


def test_a_limited_run_ends_though_most_of_it_fails(amqptool_vhost: AmqpUrl) -> None:
    """Failed messages that were passed on do not take up the prefetch."""

    def fail_odd(delivery: Delivery) -> None:
        if int(delivery.body) % 2:
            raise ValueError

    async def scenario() -> tuple[WorkReport, int]:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b"%d" % number, routing_key="q") for number in range(60)])
        report = await work(amqptool_vhost, fail_odd, dead_letter="dead", prefetch=10, max_messages=60)
        return report, await queue_length(amqptool_vhost, "dead")

    report, dead = asyncio.run(scenario())
    assert (report.handled, report.dead, dead) == (30, 30, 30)


@pytest.mark.parametrize("told", [{}, {"after": timedelta(seconds=5)}], ids=["nothing", "timedelta"])
def test_an_odd_error_of_one_handler_is_no_matter_of_the_others(amqptool_vhost: AmqpUrl, told: dict[str, Any]) -> None:
    """A kind of `Retry` that tells nothing, or no number of seconds, is a failed attempt like any other."""

    class Later(Retry):
        def __init__(self) -> None:
            Exception.__init__(self)
            vars(self).update(told)

    def handle(delivery: Delivery) -> None:
        if delivery.body == b"1":
            raise Later

    async def scenario() -> WorkReport:
        await declare_queue(amqptool_vhost, "q")
        await publish(
            amqptool_vhost,
            [Message(body=b"%d" % number, routing_key="q", message_id=str(uuid4())) for number in range(4)],
        )
        return await work(amqptool_vhost, handle, retry=(60,), max_messages=4)

    report = asyncio.run(scenario())
    assert (report.handled, report.retried) == (3, 1)
