"""Sending in few system calls what one turn of the loop produces."""

from __future__ import annotations

import asyncio
import socket

import pytest

from amqptool import AmqpUrl, Confirmed, Message, Publisher
from amqptool.broker.amqp.raw import GATHERED
from tests.support.broker import declare_queue, drain


@pytest.fixture
def sends(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give the sizes of what sockets were given to send."""
    sizes: list[int] = []
    send = socket.socket.send

    def counting(self: socket.socket, data: bytes) -> int:
        sizes.append(len(data))
        return send(self, data)

    monkeypatch.setattr(socket.socket, "send", counting)
    return sizes


def publish(url: AmqpUrl, bodies: list[bytes]) -> list[bytes]:
    """Publish bodies, insist on their confirms, and return what arrived."""

    async def scenario() -> list[bytes]:
        await declare_queue(url, "q")
        async with Publisher(url) as publisher:
            async for outcome in publisher.publish_many(Message(body=body, routing_key="q") for body in bodies):
                assert isinstance(outcome, Confirmed)
        return [delivery.body for delivery in await drain(url, "q")]

    return asyncio.run(scenario())


def test_many_small_messages_take_few_calls(amqptool_vhost: AmqpUrl, sends: list[int]) -> None:
    """A thousand messages of three frames each go out in less than a call for ten, in order."""
    bodies = [b"%d" % number for number in range(1000)]
    assert publish(amqptool_vhost, bodies) == bodies
    assert len([size for size in sends if size > 1000]) < 100
    assert sum(sends) > 100 * len(bodies)


def test_large_messages_are_not_joined(amqptool_vhost: AmqpUrl, sends: list[int]) -> None:
    """What is large already goes out as it is, whole, so that memory stays what it was."""
    bodies = [bytes([number]) * 1_000_000 for number in range(5)]
    assert publish(amqptool_vhost, bodies) == bodies
    assert max(sends) < GATHERED + 131_072 + 1000
