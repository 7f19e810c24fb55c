"""Looks that put everything back are over in time, also where the broker falls silent."""

from __future__ import annotations

import asyncio
import struct

import pytest
from pika import spec

from amqptool import AmqpUrl, BrokerUnavailable, Message
from amqptool.handlers.interface import Handler
from amqptool.handlers.python import BlockingHandler, ThreadEach
from amqptool.message import Delivery
from amqptool.work.look import Look, LookReport
from amqptool.work.stream_look import StreamLook
from tests.support.broker import declare_queue, publish, queue_length
from tests.support.faulty import faulty_line

#: Seconds for a look that ends by them, for one that has its end before, and by how many either may be late.
TIMEOUT, ENOUGH, LATE = 0.5, 4.0, 1.5
#: What each broker says before there is anything to be seen, from which on nothing is heard any more.
BEGINNINGS = [
    spec.Connection.Start,
    spec.Connection.Tune,
    spec.Connection.OpenOk,
    spec.Channel.OpenOk,
    spec.Basic.QosOk,
    spec.Basic.ConsumeOk,
]


def sign(method: type) -> bytes:
    """Return how a method is written in a frame."""
    return struct.pack(">I", method.INDEX)  # type: ignore[attr-defined]


def handler(seen: list[Delivery]) -> Handler:
    """Make a handler that notes what it is given."""
    return ThreadEach(BlockingHandler(seen.append))


async def fill(url: AmqpUrl, **arguments: object) -> None:
    """Declare a queue `q` with ten messages."""
    await declare_queue(url, "q", **arguments)
    await publish(url, [Message(body=b"body-%d" % number, routing_key="q") for number in range(10)])


async def timed(look: Look | StreamLook, timeout: float = TIMEOUT) -> LookReport | None:
    """Look, and insist that it takes no longer than it may."""
    began = asyncio.get_running_loop().time()
    try:
        return await look.run()
    finally:
        assert asyncio.get_running_loop().time() - began < timeout + LATE


def through(url: AmqpUrl, *, timeout: float = TIMEOUT, max_messages: int | None = None) -> Look:
    """Make a look at a queue, by two messages at a time, that puts everything back."""
    return Look(url, "q", handler([]), keep=True, prefetch=2, grace=5.0, max_messages=max_messages, timeout=timeout)


@pytest.mark.parametrize("last", [*BEGINNINGS, spec.Queue.DeclareOk, spec.Basic.Deliver])
def test_a_silence_at_the_beginning_is_an_error(amqptool_vhost: AmqpUrl, last: type) -> None:
    """Nobody could say whether there is anything to be seen."""

    async def scenario() -> None:
        await fill(amqptool_vhost)
        async with faulty_line(amqptool_vhost) as (line, url):
            line.mute_from(sign(last))
            with pytest.raises(BrokerUnavailable, match=r"no answer in time from 127\.0\.0\.1:"):
                await timed(through(url))

    asyncio.run(scenario())


def test_a_silence_in_the_middle_ends_the_look(amqptool_vhost: AmqpUrl) -> None:
    """What was seen until then is told, and the broker puts back what was held."""

    async def scenario() -> LookReport | None:
        await fill(amqptool_vhost)
        async with faulty_line(amqptool_vhost) as (line, url):
            line.mute_from(b"body-7")
            report = await timed(through(url, timeout=ENOUGH), ENOUGH)
            while await queue_length(amqptool_vhost, "q") < 10:
                pass
        return report

    report = asyncio.run(scenario())
    assert report is not None
    assert (report.handled, report.returned, report.stopped_by) == (7, 7, "timeout")


@pytest.mark.parametrize("last", [spec.Basic.CancelOk, spec.Connection.CloseOk])
def test_a_silence_at_the_end_takes_nothing_from_what_was_seen(amqptool_vhost: AmqpUrl, last: type) -> None:
    """The end is not waited for beyond the time."""

    async def scenario() -> LookReport | None:
        await fill(amqptool_vhost)
        async with faulty_line(amqptool_vhost) as (line, url):
            line.mute_from(sign(last))
            return await timed(through(url, timeout=ENOUGH, max_messages=2), ENOUGH)

    report = asyncio.run(scenario())
    assert report is not None
    assert (report.handled, report.returned, report.stopped_by) == (2, 2, "max-messages")


@pytest.mark.parametrize("last", [*BEGINNINGS, spec.Basic.Deliver])
def test_a_silence_at_the_beginning_of_a_stream_is_an_error(amqptool_vhost: AmqpUrl, last: type) -> None:
    """As with a queue."""

    async def scenario() -> None:
        await fill(amqptool_vhost, **{"x-queue-type": "stream"})
        async with faulty_line(amqptool_vhost) as (line, url):
            line.mute_from(sign(last))
            with pytest.raises(BrokerUnavailable, match=r"no answer in time from 127\.0\.0\.1:"):
                await timed(StreamLook(url, "q", handler([]), timeout=TIMEOUT))

    asyncio.run(scenario())


def test_a_silence_at_the_end_of_a_stream_takes_nothing_from_what_was_seen(amqptool_vhost: AmqpUrl) -> None:
    """As with a queue."""

    async def scenario() -> LookReport | None:
        await fill(amqptool_vhost, **{"x-queue-type": "stream"})
        async with faulty_line(amqptool_vhost) as (line, url):
            line.mute_from(sign(spec.Connection.CloseOk))
            return await timed(StreamLook(url, "q", handler([]), timeout=ENOUGH, max_messages=2), ENOUGH)

    report = asyncio.run(scenario())
    assert report is not None
    assert (report.handled, report.stopped_by) == (2, "max-messages")
