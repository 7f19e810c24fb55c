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


def delivers(said: list[Any], headers: dict[str, Any]) -> OnMethod:
    """Deliver two messages to each consumer, and note what comes back."""

    def react(peer: Peer, method: Any, channel: int) -> None:
        said.append(method)
        if isinstance(method, spec.Basic.Consume):
            peer.send(spec.Basic.ConsumeOk(method.consumer_tag), channel)
            for tag in (1, 2):
                deliver = spec.Basic.Deliver(method.consumer_tag, tag, False, "", "q")
                peer.send_content(deliver, b"x", channel, headers)
        if isinstance(method, spec.Basic.Cancel):
            peer.send(spec.Basic.CancelOk(method.consumer_tag), channel)

    return react


def refuses(peer: Peer, method: Any, channel: int) -> None:
    """Answer as a node does that has no replica."""
    if isinstance(method, spec.Basic.Consume):
        peer.send(spec.Channel.Close(406, NO_REPLICA, 60, 20), channel)


async def look(*urls: AmqpUrl) -> tuple[LookReport | None, list[Delivery]]:
    """Look into a queue."""
    seen: list[Delivery] = []
    return await StreamLook(list(urls), "q", handler(seen), max_messages=1).run(), seen


def test_a_broker_that_knows_no_streams_gets_everything_back() -> None:
    """It overlooks the offset: an ack would take the messages for good."""
    said: list[Any] = []

    async def scenario() -> None:
        async with fake_broker(on_method=delivers(said, {})) as url:
            assert await look(url) == (None, [])

    asyncio.run(scenario())
    assert not [each for each in said if isinstance(each, spec.Basic.Ack)]  # and closing the channel returns it


def test_another_node_is_asked_where_one_has_no_replica() -> None:
    """A cluster may be larger than its streams."""

    async def scenario() -> None:
        there = delivers([], {"x-stream-offset": 0})
        async with fake_broker(on_method=refuses) as without, fake_broker(on_method=there) as url:
            report, seen = await look(without, url)
        assert report is not None
        assert (report.handled, len(seen)) == (1, 1)

    asyncio.run(scenario())
