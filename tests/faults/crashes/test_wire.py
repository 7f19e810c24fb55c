"""The way to a broker that tests of crashes strike at."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from amqptool import AmqpUrl, Message
from tests.faults.crashes.wire import Frame, Wire, wire_to
from tests.support.broker import declare_queue, drain, publish, queue_length

MESSAGES = [Message(body=b"%d" % number, routing_key="q") for number in range(3)]


@pytest.fixture
def wire(amqptool_vhost: AmqpUrl) -> Iterator[Wire]:
    """Give a way to a vhost with a queue `q`."""
    asyncio.run(declare_queue(amqptool_vhost, "q"))
    with wire_to(amqptool_vhost) as made:
        yield made


def test_frames_are_passed_on_and_told_apart(wire: Wire) -> None:
    """What a publisher and a consumer say and hear comes in its order, and nothing is missing."""
    asyncio.run(publish(wire.url, MESSAGES[:1]))
    assert wire.passed == [Frame.PUBLISH, Frame.CONFIRM]
    assert [each.body for each in asyncio.run(drain(wire.url, "q"))] == [b"0"]
    assert wire.passed == [Frame.PUBLISH, Frame.CONFIRM, Frame.DELIVERY, Frame.ACK]


def test_a_frame_is_dropped_with_its_connection(wire: Wire, amqptool_vhost: AmqpUrl) -> None:
    """The publisher sends again what the broker has: each time, as often as it was said."""
    wire.cut_at(Frame.CONFIRM, 1, times=2)
    for message in MESSAGES:
        asyncio.run(publish(wire.url, [message]))
    assert wire.cuts_left == 0
    assert asyncio.run(queue_length(amqptool_vhost, "q")) == len(MESSAGES) + 2


def test_the_number_of_a_frame_is_counted(wire: Wire, amqptool_vhost: AmqpUrl) -> None:
    """Those before it pass."""
    wire.cut_at(Frame.PUBLISH, 3, times=1)
    for message in MESSAGES:
        asyncio.run(publish(wire.url, [message]))
    assert wire.passed == [Frame.PUBLISH, Frame.CONFIRM] * len(MESSAGES)
    assert asyncio.run(queue_length(amqptool_vhost, "q")) == len(MESSAGES)


def test_nothing_passes_while_a_frame_is_held(wire: Wire, amqptool_vhost: AmqpUrl) -> None:
    """Not on other connections either; once it is dropped, they are over and new ones pass."""

    async def scenario() -> None:
        wire.hold_at(Frame.PUBLISH, 1)
        publishing = asyncio.create_task(publish(wire.url, MESSAGES[:1]))
        await asyncio.to_thread(wire.wait)
        draining = asyncio.create_task(queue_length(wire.url, "q"))
        assert await queue_length(amqptool_vhost, "q") == 0
        wire.drop()
        await publishing
        await asyncio.gather(draining, return_exceptions=True)

    asyncio.run(scenario())
    assert wire.passed == [Frame.PUBLISH, Frame.CONFIRM]
    assert asyncio.run(queue_length(wire.url, "q")) == 1
