"""Consuming in other ways than with acks."""

from __future__ import annotations

import asyncio

import pytest

from amqptool import AmqpUrl, Delivery, Message
from amqptool.broker.amqp import connect
from amqptool.errors import PreconditionFailed
from tests.support.broker import declare_queue, publish, queue_length


def test_with_auto_ack_the_broker_forgets_what_it_sends(amqptool_vhost: AmqpUrl) -> None:
    """And nothing is kept of it here, however much comes."""

    async def scenario() -> tuple[int, int]:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b"x", routing_key="q")] * 3)
        arrived: asyncio.Queue[Delivery] = asyncio.Queue()
        async with connect(amqptool_vhost) as connection:
            channel = await connection.channel()
            await channel.consume("q", arrived.put_nowait, lambda: None, prefetch=0, auto_ack=True)
            for _ in range(3):
                await asyncio.wait_for(arrived.get(), 30)
            unsettled = len(channel.unsettled)
        return unsettled, await queue_length(amqptool_vhost, "q")

    assert asyncio.run(scenario()) == (0, 0)


def test_arguments_for_another_type_of_queue_are_refused(amqptool_vhost: AmqpUrl) -> None:
    """By this a stream is told from a queue, before anything is delivered."""

    async def scenario() -> None:
        await declare_queue(amqptool_vhost, "q")
        async with connect(amqptool_vhost) as connection:
            channel = await connection.channel()
            offset = {"x-stream-offset": "first"}
            await channel.consume("q", pytest.fail, pytest.fail, prefetch=1, arguments=offset)  # type: ignore[arg-type]

    with pytest.raises(PreconditionFailed, match="x-stream-offset"):
        asyncio.run(scenario())
