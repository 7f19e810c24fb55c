"""Publishing to a broker that an alarm keeps from taking messages; A are rows of the fault catalogue."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from time import monotonic

import pytest
from pika import spec

from amqptool import Confirmed, Failed, InDoubt, Message, Outcome, Publisher, PublisherEvent
from amqptool.broker import local
from amqptool.errors import BrokerBlocked
from tests.support.broker import declare_queue, queue_length
from tests.support.ctl import rabbitmqctl
from tests.support.fake_broker import Peer, fake_broker


@pytest.fixture(scope="module")
def node() -> Iterator[local.RunningNode]:
    """Give a node whose alarms disturb nobody else."""
    with local.temporary() as running:
        asyncio.run(declare_queue(running.url, "q"))
        yield running


def to_q() -> Message:
    """Make a message."""
    return Message(body=b"x" * 100, routing_key="q")


async def alarm(node: local.RunningNode) -> None:
    """Let the node run out of memory."""
    await asyncio.to_thread(rabbitmqctl, node, "set_vm_memory_high_watermark", "0.0000001")


async def clear(node: local.RunningNode) -> None:
    """Let the node have memory again."""
    await asyncio.to_thread(rabbitmqctl, node, "set_vm_memory_high_watermark", "0.4")


def test_an_alarm_is_told_within_a_second_and_waited_for(node: local.RunningNode) -> None:
    """A10: what is published meanwhile is confirmed when the alarm is over, and both are told."""
    told: list[tuple[float, PublisherEvent]] = []

    async def scenario() -> tuple[float, Confirmed]:
        blocked, unblocked = asyncio.Event(), asyncio.Event()

        def on_event(event: PublisherEvent) -> None:
            told.append((monotonic(), event))
            {"blocked": blocked, "unblocked": unblocked}[event.name].set()

        async with Publisher(node.url, on_event=on_event, confirm_timeout=2.0) as publisher:
            await publisher.publish(to_q())
            await alarm(node)
            published_at = monotonic()
            publishing = asyncio.create_task(publisher.publish(to_q()))
            await blocked.wait()
            assert not publishing.done()
            await clear(node)
            await unblocked.wait()
            return published_at, await publishing

    published_at, confirmed = asyncio.run(scenario())
    assert isinstance(confirmed, Confirmed)
    assert [event.name for _, event in told] == ["blocked", "unblocked"]
    assert "memory" in told[0][1].text
    assert told[0][0] - published_at < 1


def test_an_alarm_that_lasts_ends_in_doubt_and_in_bounded_time(node: local.RunningNode) -> None:
    """A10, A11: after the time for it, all in flight is in doubt, the input is left, and closing does not hang.

    The message that was taken from the input and waited for room has its outcome too: it was not sent.
    """

    async def scenario() -> tuple[list[Outcome], float]:
        outcomes: list[Outcome] = []
        publisher = Publisher(node.url, blocked_timeout=0.5, window_messages=50)
        await publisher.open()
        await alarm(node)
        try:
            with pytest.raises(BrokerBlocked, match="memory"):
                async for outcome in publisher.publish_many(to_q() for _ in range(10_000)):
                    outcomes.append(outcome)
            started = monotonic()
            await publisher.close()
            return outcomes, monotonic() - started
        finally:
            await clear(node)

    outcomes, closing = asyncio.run(scenario())
    *in_doubt, unsent = [outcome.error for outcome in outcomes if isinstance(outcome, Failed)]
    assert in_doubt
    assert all(isinstance(error, InDoubt) for error in in_doubt)
    assert isinstance(unsent, BrokerBlocked)
    assert closing < 10


def test_closing_a_blocked_connection_is_bounded(node: local.RunningNode) -> None:
    """A11: a blocked broker reads no close; it is not waited for longer than a few seconds."""

    async def scenario() -> tuple[float, BaseException | None]:
        blocked = asyncio.Event()
        publisher = Publisher(node.url, on_event=lambda _event: blocked.set())
        await publisher.open()
        await alarm(node)
        try:
            publishing = asyncio.create_task(publisher.publish(to_q()))
            await blocked.wait()
            started = monotonic()
            await publisher.close(settle=False)
            took = monotonic() - started
            return took, (await asyncio.gather(publishing, return_exceptions=True))[0]
        finally:
            await clear(node)

    took, error = asyncio.run(scenario())
    assert took < 10
    assert isinstance(error, InDoubt)


def test_after_an_alarm_the_publisher_can_be_used_again(node: local.RunningNode) -> None:
    """A10: one that had given up publishes again when the broker takes messages."""

    async def scenario() -> Confirmed:
        async with Publisher(node.url, blocked_timeout=0.3) as publisher:
            await alarm(node)
            with pytest.raises(InDoubt):
                await publisher.publish(to_q())
            await clear(node)
            while True:
                try:
                    return await publisher.publish(to_q())
                except (InDoubt, BrokerBlocked):
                    await asyncio.sleep(0.05)

    before = asyncio.run(queue_length(node.url, "q"))
    assert isinstance(asyncio.run(scenario()), Confirmed)
    assert asyncio.run(queue_length(node.url, "q")) > before


def test_a_connection_lost_while_blocked_is_made_anew() -> None:
    """An alarm of the old connection says nothing about the new one, whose confirms have their own deadline."""
    peers: list[Peer] = []

    def blocked_and_lost(peer: Peer, number: int) -> None:
        peers.append(peer)
        if len(peers) == 1:
            peer.send(spec.Connection.Blocked("low on memory"), channel=0)
            asyncio.get_running_loop().call_later(0.1, peer.hang_up)
        else:
            peer.send(spec.Basic.Ack(number, False))

    async def scenario() -> Confirmed:
        async with fake_broker(blocked_and_lost) as url, Publisher(url, blocked_timeout=5) as publisher:
            return await publisher.publish(to_q())

    assert asyncio.run(scenario()).sends == 2


def test_an_alarm_that_was_given_up_says_nothing_of_the_next_connection() -> None:
    """A10: what is published over the new connection has its own deadlines, although no end of the alarm was told."""
    peers: list[Peer] = []

    def blocked_then_slow(peer: Peer, number: int) -> None:
        peers.append(peer)
        if len(peers) == 1:
            peer.send(spec.Connection.Blocked("low on memory"), channel=0)
        else:
            asyncio.get_running_loop().call_later(0.5, peer.send, spec.Basic.Ack(number, False))

    async def scenario() -> Confirmed:
        back = asyncio.Event()

        def on_event(event: PublisherEvent) -> None:
            if event.name == "reconnected":
                back.set()

        async with (
            fake_broker(blocked_then_slow) as url,
            Publisher(url, blocked_timeout=0.2, on_event=on_event) as publisher,
        ):
            with pytest.raises(InDoubt, match="low on memory"):
                await publisher.publish(to_q())
            await back.wait()
            return await publisher.publish(to_q())

    assert asyncio.run(scenario()).sends == 1
