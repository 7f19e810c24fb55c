"""Headers at the edge of what one frame holds."""

from __future__ import annotations

import asyncio

import pytest

from amqptool import AmqpUrl, Confirmed, InputError, Message, Publisher
from tests.support.broker import declare_queue, drain, queue_length

#: The header's name, type and length, the property flags, and the delivery mode, in bytes.
AROUND_THE_VALUE = 4 + 2 + 1 + 4 + 2 + 1


def message(size: int) -> Message:
    """Make a message whose header frame is so large."""
    value = "x" * (size - 20 - AROUND_THE_VALUE)
    return Message(body=b"x", routing_key="q", message_id=None, headers={"a": value})


def test_headers_fill_a_frame_and_no_more(amqptool_vhost: AmqpUrl) -> None:
    """The broker confirms headers of exactly a frame; one byte more is refused here, and the connection goes on."""

    async def scenario() -> list[Confirmed]:
        await declare_queue(amqptool_vhost, "q")
        async with Publisher(amqptool_vhost) as publisher:
            confirmed = [await publisher.publish(message(131_072))]
            with pytest.raises(InputError, match="take 131,073 bytes, and a frame holds 131,072"):
                await publisher.publish(message(131_073))
            return [*confirmed, await publisher.publish(message(1000))]

    assert len(asyncio.run(scenario())) == 2


def test_headers_that_grew_over_a_frame_arrive(amqptool_vhost: AmqpUrl) -> None:
    """The broker adds to the headers of a dead letter, and sends them in a frame longer than was agreed upon."""

    async def scenario() -> int:
        await declare_queue(amqptool_vhost, "dead")
        to_dead = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
        await declare_queue(amqptool_vhost, "q", **{"x-message-ttl": 0, **to_dead})
        async with Publisher(amqptool_vhost) as publisher:
            await publisher.publish(message(131_072))
        while not await queue_length(amqptool_vhost, "dead"):
            pass
        return sum(len(str(value)) for value in (await drain(amqptool_vhost, "dead"))[0].headers.values())

    assert asyncio.run(scenario()) > 131_072
