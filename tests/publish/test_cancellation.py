"""Callers that go away while their messages are on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from pika import spec

from amqptool import AmqpUrl, Confirmed, InDoubt, InputError, Message, NotFound, Outcome, Publisher
from amqptool.broker.amqp import connect
from tests.support.broker import declare_queue, drain, queue_length
from tests.support.fake_broker import Peer, fake_broker


def to_q(body: bytes = b"") -> Message:
    """Make a message to `q`."""
    return Message(body=body, routing_key="q")


def ack(peer: Peer, number: int) -> None:
    """Confirm a publish."""
    peer.send(spec.Basic.Ack(number, False))


def test_a_cancelled_publish_confirms_nobody_else() -> None:
    """C5: the late confirm of an abandoned message is its own; the next message waits for its own."""
    peers: list[Peer] = []

    def late(peer: Peer, number: int) -> None:
        peers.append(peer)
        if number == 2:
            ack(peer, 1)
            asyncio.get_running_loop().call_later(0.1, ack, peer, 2)

    async def scenario() -> Confirmed:
        async with fake_broker(late) as url, Publisher(url) as publisher:
            first = asyncio.create_task(publisher.publish(to_q(b"first")))
            while not peers:
                await asyncio.sleep(0.01)
            first.cancel()
            second = await publisher.publish(to_q(b"second"))
            assert first.cancelled()
            assert publisher.in_flight == 0
            return second

    confirmed = asyncio.run(scenario())
    assert confirmed.message.body == b"second"
    assert confirmed.seconds >= 0.1


def test_what_a_cancelled_caller_left_is_settled_on_leaving(amqptool_vhost: AmqpUrl) -> None:
    """C5: `async with` waits for the message all the same, and it arrives."""

    async def scenario() -> int:
        await declare_queue(amqptool_vhost, "q")
        async with Publisher(amqptool_vhost) as publisher:
            publishing = asyncio.create_task(publisher.publish(to_q()))
            while not publisher.in_flight:
                await asyncio.sleep(0)
            publishing.cancel()
        assert publisher.in_flight == 0
        return await queue_length(amqptool_vhost, "q")

    assert asyncio.run(scenario()) == 1


def test_a_caller_cancelled_while_it_waits_for_room_sends_nothing() -> None:
    """C5: whoever had not been sent never is, and those behind it come to their turn."""
    received: list[bytes] = []
    peers: list[Peer] = []

    def hold_the_first(peer: Peer, number: int) -> None:
        received.append(peer.publish.routing_key.encode())
        peers.append(peer)
        if number > 1:
            ack(peer, number)

    async def scenario() -> None:
        async with fake_broker(hold_the_first) as url, Publisher(url, window_messages=1) as publisher:
            tasks = [asyncio.create_task(publisher.publish(Message(body=b"", routing_key=key))) for key in "abcd"]
            while not peers:
                await asyncio.sleep(0.01)
            tasks[1].cancel()
            ack(peers[0], 1)
            await asyncio.wait(tasks)
            assert [task.cancelled() for task in tasks] == [False, True, False, False]

    asyncio.run(asyncio.wait_for(scenario(), 30))
    assert received == [b"a", b"c", b"d"]


def test_a_cancelled_look_for_an_exchange_answers_nobody_else(amqptool_vhost: AmqpUrl) -> None:
    """The answer for an exchange that is not there does not reach a publish to one that is."""

    async def scenario() -> Confirmed:
        async with Publisher(amqptool_vhost, mandatory=False) as publisher:
            first = asyncio.create_task(publisher.publish(Message(body=b"", exchange="nope")))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            first.cancel()
            return await publisher.publish(Message(body=b"", exchange="amq.topic"))

    assert isinstance(asyncio.run(scenario()), Confirmed)


def test_an_interrupted_block_leaves_nobody_waiting() -> None:
    """Cancelled, the block does not wait for confirms; other tasks hear that their messages are in doubt."""

    async def scenario() -> BaseException | None:
        other: asyncio.Task[Confirmed] | None = None

        async def block() -> None:
            nonlocal other
            async with fake_broker(lambda _peer, _number: None) as url, Publisher(url) as publisher:
                other = asyncio.create_task(publisher.publish(to_q()))
                while not publisher.in_flight:
                    await asyncio.sleep(0)
                in_block.set()
                await asyncio.Event().wait()

        in_block = asyncio.Event()
        task = asyncio.create_task(block())
        await in_block.wait()
        task.cancel()
        await asyncio.wait([task])
        assert other is not None
        return (await asyncio.gather(other, return_exceptions=True))[0]

    assert isinstance(asyncio.run(asyncio.wait_for(scenario(), 30)), InDoubt)


def test_nothing_leaks(amqptool_vhost: AmqpUrl) -> None:
    """After hundreds of cancelled and finished callers no task is left, and no message without an outcome."""

    async def scenario() -> int:
        await declare_queue(amqptool_vhost, "q")
        async with Publisher(amqptool_vhost, window_messages=20) as publisher:
            tasks = [asyncio.create_task(publisher.publish(to_q())) for _ in range(300)]
            for number, task in enumerate(tasks):
                if number % 3 == 0:
                    await asyncio.sleep(0)
                    task.cancel()
            await asyncio.wait(tasks)
        assert publisher.in_flight == 0
        confirmed = sum(not task.cancelled() and task.exception() is None for task in tasks)
        assert confirmed >= 200
        return len(asyncio.all_tasks())

    assert asyncio.run(scenario()) == 1


def test_outcomes_are_streamed_while_the_input_goes_on(amqptool_vhost: AmqpUrl) -> None:
    """An input that waits for the outcome of its own first message gets it: nothing is held back."""

    async def scenario() -> list[Outcome]:
        await declare_queue(amqptool_vhost, "q")
        confirmed = asyncio.Event()

        async def messages() -> AsyncIterator[Message]:
            yield to_q()
            await confirmed.wait()
            yield to_q()

        outcomes: list[Outcome] = []
        async with Publisher(amqptool_vhost) as publisher:
            async for outcome in publisher.publish_many(messages()):
                outcomes.append(outcome)
                confirmed.set()
        return outcomes

    assert len(asyncio.run(asyncio.wait_for(scenario(), 30))) == 2


async def order_in_queue(url: AmqpUrl) -> list[bytes]:
    """Return the bodies of everything in `q`, first come first."""
    return [delivery.body for delivery in await drain(url, "q")]


@pytest.mark.parametrize(("count", "window"), [(1, 100), (300, 10_000), (3000, 100)])
def test_many_tasks_at_once_keep_their_order(amqptool_vhost: AmqpUrl, count: int, window: int) -> None:
    """First come, first served, through a small window too; and thousands that wait do not slow each other down."""
    bodies = [b"%d" % number for number in range(count)]

    async def scenario() -> list[bytes]:
        await declare_queue(amqptool_vhost, "q")
        async with Publisher(amqptool_vhost, window_messages=window) as publisher:
            await asyncio.gather(*(publisher.publish(to_q(body)) for body in bodies))
        return await order_in_queue(amqptool_vhost)

    assert asyncio.run(scenario()) == bodies


def test_nobody_overtakes_who_waits_for_an_exchange(amqptool_vhost: AmqpUrl) -> None:
    """A message to an exchange that is still looked for arrives before one that was handed in later."""

    async def scenario() -> list[bytes]:
        async with connect(amqptool_vhost) as connection:
            channel = await connection.channel()
            await channel.declare_queue("q")
            await channel.bind_queue("amq.fanout", "q", "")
        async with Publisher(amqptool_vhost) as publisher:
            first = Message(body=b"first", exchange="amq.fanout")
            await asyncio.gather(publisher.publish(first), publisher.publish(to_q(b"second")))
        return await order_in_queue(amqptool_vhost)

    assert asyncio.run(scenario()) == [b"first", b"second"]


def test_who_cannot_be_sent_keeps_nobody_waiting(amqptool_vhost: AmqpUrl) -> None:
    """In a line behind an exchange that is looked for, errors are each sender's own, and the others arrive in order."""
    wrong = Message(body=b"", routing_key="q", expiration="soon")
    waiting = [Message(body=b"", exchange="nope"), to_q(b"1"), wrong, to_q(b"2"), to_q(b"gone"), to_q(b"3")]

    async def scenario() -> tuple[list[object], list[bytes]]:
        await declare_queue(amqptool_vhost, "q")
        async with Publisher(amqptool_vhost) as publisher:
            tasks = [asyncio.create_task(publisher.publish(message)) for message in waiting]
            await asyncio.sleep(0)
            tasks[4].cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        return [type(result) for result in results], await order_in_queue(amqptool_vhost)

    kinds, arrived = asyncio.run(asyncio.wait_for(scenario(), 30))
    assert kinds == [NotFound, Confirmed, InputError, Confirmed, asyncio.CancelledError, Confirmed]
    assert arrived == [b"1", b"2", b"3"]
