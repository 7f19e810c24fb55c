"""Sending at once what one turn of the loop produces."""

from __future__ import annotations

import asyncio
from asyncio import selector_events
from typing import Any

import pytest

from amqptool import AmqpUrl, Confirmed, Message, Publisher
from amqptool.broker.amqp.raw import GATHERED
from tests.support.broker import declare_queue, drain


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give the sizes of what asyncio's transport was given to write."""
    sizes: list[int] = []
    transport: Any = selector_events._SelectorSocketTransport  # type: ignore[attr-defined]
    write = transport.write

    def counting(self: object, data: bytes) -> None:
        sizes.append(len(data))
        write(self, data)

    monkeypatch.setattr(transport, "write", counting)
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


def test_many_small_messages_take_few_calls(amqptool_vhost: AmqpUrl, writes: list[int]) -> None:
    """A thousand messages of three frames each go out in less than a call for ten, in order."""
    bodies = [b"%d" % number for number in range(1000)]
    assert publish(amqptool_vhost, bodies) == bodies
    assert len([size for size in writes if size > 1000]) < 100
    assert sum(writes) > 100 * len(bodies)


def test_large_messages_are_not_joined(amqptool_vhost: AmqpUrl, writes: list[int]) -> None:
    """What is large already goes out as it is, whole, so that memory stays what it was."""
    bodies = [bytes([number]) * 1_000_000 for number in range(5)]
    assert publish(amqptool_vhost, bodies) == bodies
    assert max(writes) < GATHERED + 131_072 + 1000
