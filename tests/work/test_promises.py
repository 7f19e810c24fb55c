"""What a worker promises otherwise: at most once, and nothing without an id."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from amqptool import AmqpUrl, Delivery, MemoryStore, Message, Worker, WorkReport
from amqptool.broker.local import Endpoint
from tests.support.broker import close_connections, declare_queue, drain, publish, queue_length


async def prepare(url: AmqpUrl, messages: Sequence[Message]) -> None:
    """Declare a queue `q` with these messages."""
    await declare_queue(url, "q")
    await publish(url, messages)


def numbered(number: int) -> Message:
    """Make a message for `q`."""
    return Message(body=b"%d" % number, routing_key="q")


async def work(url: AmqpUrl, handler: Callable[[Delivery], Any], **settings: Any) -> WorkReport:
    """Work until nothing comes any more."""
    return await Worker(url, "q", handler, **{"dedup": None, "idle_timeout": 0.5, **settings}).serve()


def test_at_most_once_acknowledges_before_the_handler_starts(
    amqptool_vhost: AmqpUrl, caplog: pytest.LogCaptureFixture
) -> None:
    """What runs is in the queue no more, although it has not succeeded, and the rest is given back."""
    started, finish = asyncio.Event(), asyncio.Event()

    async def handle(_delivery: Delivery) -> None:
        started.set()
        await finish.wait()

    async def scenario() -> WorkReport:
        await prepare(amqptool_vhost, [numbered(n) for n in range(3)])
        worker = Worker(amqptool_vhost, "q", handle, dedup=None, at_most_once=True, grace=0.1)
        serving = asyncio.create_task(worker.serve())
        await started.wait()
        worker.stop()
        return await serving

    report = asyncio.run(scenario())
    assert (report.acknowledged, report.handled, report.abandoned) == (1, 0, 1)
    assert "messages left unfinished, which are lost: 1" in caplog.messages
    assert asyncio.run(queue_length(amqptool_vhost, "q")) == 2


def test_at_most_once_does_not_try_again(amqptool_vhost: AmqpUrl) -> None:
    """A handler that fails has lost its message, which the report tells; the others go on."""
    seen: list[bytes] = []

    def fail_first(delivery: Delivery) -> None:
        seen.append(delivery.body)
        if delivery.body == b"0":
            raise ValueError("broken")

    async def scenario() -> WorkReport:
        await prepare(amqptool_vhost, [numbered(n) for n in range(3)])
        return await work(amqptool_vhost, fail_first, at_most_once=True, max_messages=3)

    report = asyncio.run(scenario())
    assert seen == [b"0", b"1", b"2"]
    assert (report.handled, report.failed, report.failed_attempts, report.returned) == (2, 1, 1, 0)
    assert (report.stopped_by, asyncio.run(queue_length(amqptool_vhost, "q"))) == ("max-messages", 0)


def test_a_long_handler_is_no_idleness_at_most_once(amqptool_vhost: AmqpUrl) -> None:
    """The idle time begins when the handler has ended."""

    async def handle(_delivery: Delivery) -> None:
        await asyncio.sleep(0.8)

    async def scenario() -> WorkReport:
        await prepare(amqptool_vhost, [numbered(0)])
        return await work(amqptool_vhost, handle, at_most_once=True)

    assert asyncio.run(scenario()).handled == 1


def test_at_most_once_goes_on_through_a_lost_connection(amqptool_vhost: AmqpUrl, amqptool_node: Endpoint) -> None:
    """What was acknowledged before is not handled again."""
    seen: list[bytes] = []
    started, go_on = asyncio.Event(), asyncio.Event()

    async def handle(delivery: Delivery) -> None:
        seen.append(delivery.body)
        started.set()
        await go_on.wait()

    async def scenario() -> WorkReport:
        await prepare(amqptool_vhost, [numbered(n) for n in range(3)])
        working = asyncio.create_task(work(amqptool_vhost, handle, at_most_once=True, max_messages=3))
        await started.wait()
        await close_connections(amqptool_node, amqptool_vhost)
        go_on.set()
        return await working

    report = asyncio.run(scenario())
    assert seen == [b"0", b"1", b"2"]
    assert (report.handled, report.reconnects) == (3, 1)


@pytest.mark.parametrize("settings", [{"dedup": MemoryStore()}, {"retry": (1,)}, {"dead_letter": "dead"}])
def test_at_most_once_has_nothing_to_repeat_or_pass_on(settings: dict[str, Any]) -> None:
    """What needs the message after its handler has failed does not go with it."""
    with pytest.raises(ValueError, match="at_most_once"):
        Worker("amqp://localhost", "q", print, **{"dedup": None, **settings}, at_most_once=True)


WITHOUT_UUID = [None, "", "order-17", "00000000-0000-0000-0000-000000000000"]


@pytest.mark.parametrize("message_id", WITHOUT_UUID)
def test_a_message_without_a_uuid_can_be_rejected(amqptool_vhost: AmqpUrl, message_id: str | None) -> None:
    """It goes to the dead-letter queue with the reason, no handler sees it, and those with one are handled."""
    seen: list[bytes] = []

    async def scenario() -> tuple[WorkReport, list[Delivery]]:
        await prepare(amqptool_vhost, [Message(body=b"no", routing_key="q", message_id=message_id), numbered(1)])
        report = await work(
            amqptool_vhost,
            lambda delivery: seen.append(delivery.body),
            dedup=MemoryStore(),
            retry=(60,),
            dead_letter="dead",
            reject_missing_id=True,
        )
        return report, await drain(amqptool_vhost, "dead")

    report, [dead] = asyncio.run(scenario())
    assert seen == [b"1"]
    assert (report.handled, report.dead, report.without_id) == (1, 1, 0)
    assert (dead.body, dead.message_id or None) == (b"no", message_id or None)
    assert dead.headers["amqptool-reason"] == "missing-id"
    assert dead.headers["amqptool-error"] == "MissingId: the message id is no UUID"


def test_a_rejected_message_without_a_place_to_go_is_held(amqptool_vhost: AmqpUrl) -> None:
    """Without a dead-letter queue it stays in its queue."""

    async def scenario() -> WorkReport:
        await prepare(amqptool_vhost, [Message(body=b"no", routing_key="q", message_id=None)])
        return await work(amqptool_vhost, print, dedup=MemoryStore(), reject_missing_id=True)

    report = asyncio.run(scenario())
    assert (report.handled, report.failed, report.returned) == (0, 1, 1)
    assert asyncio.run(queue_length(amqptool_vhost, "q")) == 1
