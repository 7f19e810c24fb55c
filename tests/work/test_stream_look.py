"""A look into what may be no stream, at brokers that say so in their own ways."""

from __future__ import annotations

import asyncio
from typing import Any

from pika import spec

from amqptool.handlers.interface import Handler
from amqptool.handlers.python import BlockingHandler, ThreadEach
from amqptool.message import Delivery
from amqptool.settings.url import AmqpUrl
from amqptool.work.look import LookReport
from amqptool.work.stream_look import StreamLook
from tests.support.fake_broker import OnMethod, Peer, fake_broker

NO_REPLICA = "PRECONDITION_FAILED - stream queue 'q' in vhost '/' does not have a running replica on the local node"


def handler(seen: list[Delivery]) -> Handler:
    """Make a handler that notes what it is given."""
    return ThreadEach(BlockingHandler(seen.append))


def delivers(said: list[Any], behind: list[dict[str, Any]], there: list[dict[str, Any]]) -> OnMethod:
    """Deliver messages with such headers to the second consumer, which is for what is `behind`, then to the first."""
    consumers: list[str] = []

    def react(peer: Peer, method: Any, channel: int) -> None:
        said.append(method)
        if not isinstance(method, spec.Basic.Consume):
            return
        consumers.append(method.consumer_tag)
        peer.send(spec.Basic.ConsumeOk(method.consumer_tag), channel)
        if len(consumers) == 2:
            to_each = [(consumers[1], each) for each in behind] + [(consumers[0], each) for each in there]
            for tag, (consumer, headers) in enumerate(to_each, 1):
                peer.send_content(spec.Basic.Deliver(consumer, tag, False, "", "q"), b"x", channel, headers)

    return react


def at(*offsets: int) -> list[dict[str, Any]]:
    """Return the headers of messages of a stream."""
    return [{"x-stream-offset": offset} for offset in offsets]


def refuses(peer: Peer, method: Any, channel: int) -> None:
    """Answer as a node does that has no replica."""
    if isinstance(method, spec.Basic.Consume):
        peer.send(spec.Channel.Close(406, NO_REPLICA, 60, 20), channel)


async def look(*urls: AmqpUrl, max_messages: int | None = None) -> tuple[LookReport | None, list[Delivery]]:
    """Look into a queue."""
    seen: list[Delivery] = []
    return await StreamLook(list(urls), "q", handler(seen), max_messages=max_messages).run(), seen


def test_a_broker_that_knows_no_streams_gets_everything_back() -> None:
    """It overlooks the offset: an ack would take the messages for good."""
    said: list[Any] = []

    async def scenario() -> None:
        async with fake_broker(on_method=delivers(said, [{}], [{}, {}])) as url:
            assert await look(url) == (None, [])

    asyncio.run(scenario())
    assert not [each for each in said if isinstance(each, spec.Basic.Ack)]  # and closing the channel returns it


def test_what_came_later_is_not_looked_at() -> None:
    """The first message behind the end, as it was when the look began, tells where that was."""

    async def scenario() -> tuple[LookReport | None, list[Delivery]]:
        async with fake_broker(on_method=delivers([], at(7, 8), at(5, 6, 7, 8))) as url:
            return await look(url)

    report, seen = asyncio.run(scenario())
    assert report is not None
    assert (report.looked_at, report.stopped_by) == (2, "")
    assert [delivery.headers["x-stream-offset"] for delivery in seen] == [5, 6]


def test_another_node_is_asked_where_one_has_no_replica() -> None:
    """A cluster may be larger than its streams."""

    async def scenario() -> None:
        there = delivers([], [], at(0))
        async with fake_broker(on_method=refuses) as without, fake_broker(on_method=there) as url:
            report, seen = await look(without, url, max_messages=1)
        assert report is not None
        assert (report.handled, len(seen)) == (1, 1)

    asyncio.run(scenario())
