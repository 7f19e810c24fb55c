"""Messages that the broker refuses by closing the channel: each fails alone, and the rest arrives.

C are rows of the fault catalogue.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from pika import spec

from amqptool import (
    AccessRefused,
    AmqpUrl,
    BrokerError,
    Confirmed,
    Failed,
    InputError,
    Message,
    NotFound,
    Outcome,
    Publisher,
)
from amqptool.broker.amqp import Channel, connect
from amqptool.broker.local import Endpoint
from amqptool.broker.management import Management
from amqptool.carried import MAX_DEPTH
from tests.support.broker import declare_queue, drain, publish, queue_length
from tests.support.fake_broker import Peer, fake_broker


def to(queue: str, body: bytes = b"", **fields: object) -> Message:
    """Make a message to a queue."""
    return Message(body=body, routing_key=queue, **fields)  # type: ignore[arg-type]


def ack(peer: Peer, number: int) -> None:
    """Confirm a publish."""
    peer.send(spec.Basic.Ack(number, False))


async def outcomes_of(publisher: Publisher, messages: list[Message]) -> list[Outcome]:
    """Publish messages and return what became of each, in their order."""
    found = {outcome.message.message_id: outcome async for outcome in publisher.publish_many(messages)}
    return [found[message.message_id] for message in messages]


def errors(outcomes: list[Outcome]) -> list[type | None]:
    """Return the kind of each error; None for what was confirmed."""
    return [type(outcome.error) if isinstance(outcome, Failed) else None for outcome in outcomes]


def test_somebody_elses_user_id_fails_alone(amqptool_vhost: AmqpUrl) -> None:
    """C11: of many in flight, those with a foreign user fail, in the broker's words; all others arrive."""

    async def scenario() -> tuple[list[Outcome], int]:
        await declare_queue(amqptool_vhost, "q")
        messages = [to("q", user_id="bob" if number in (40, 41, 99) else None) for number in range(200)]
        async with Publisher(amqptool_vhost) as publisher:
            outcomes = [outcome async for outcome in publisher.publish_many(messages, skip_refused=True)]
        return outcomes, len({delivery.message_id for delivery in await drain(amqptool_vhost, "q")})

    outcomes, arrived = asyncio.run(scenario())
    refused = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
    assert [outcome.message.user_id for outcome in refused] == ["bob"] * 3
    assert all(isinstance(outcome.error, InputError) for outcome in refused)
    assert "user_id property set to 'bob'" in str(refused[0].error)
    assert (len(outcomes), arrived) == (200, 197)


def test_a_refused_message_ends_the_stream_unless_told_otherwise(amqptool_vhost: AmqpUrl) -> None:
    """C11: the next messages would meet the same, so the input is not read on; what was sent has its outcome."""

    async def scenario() -> list[Outcome]:
        await declare_queue(amqptool_vhost, "q")
        outcomes: list[Outcome] = []

        async def endless() -> AsyncIterator[Message]:
            while True:
                yield to("q", user_id="bob")
                await asyncio.sleep(0)

        async with Publisher(amqptool_vhost) as publisher:
            with pytest.raises(InputError, match="user_id"):
                async for outcome in publisher.publish_many(endless()):
                    outcomes.append(outcome)
        return outcomes

    assert set(errors(asyncio.run(scenario()))) == {InputError}


def test_an_exchange_deleted_in_the_middle(amqptool_vhost: AmqpUrl) -> None:
    """C7: messages to it are not found, messages to others arrive, and the channel is replaced."""

    async def scenario() -> tuple[list[Outcome], int]:
        await declare_queue(amqptool_vhost, "q")
        async with connect(amqptool_vhost) as connection, Publisher(amqptool_vhost) as publisher:
            channel = await connection.channel()
            await channel.declare_exchange("x", "fanout")
            await channel.bind_queue("x", "q", "")
            await publisher.publish(Message(body=b"", exchange="x"))
            await channel.delete_exchange("x")
            messages = [to("q") if number % 2 else Message(body=b"", exchange="x") for number in range(100)]
            found = [outcome async for outcome in publisher.publish_many(messages, skip_refused=True)]
        return found, await queue_length(amqptool_vhost, "q")

    outcomes, arrived = asyncio.run(scenario())
    assert len(outcomes) == 100
    for outcome in outcomes:
        assert isinstance(outcome, Failed) == (outcome.message.exchange == "x")
        assert isinstance(outcome, Confirmed) or isinstance(outcome.error, NotFound)
    assert arrived >= 51


def test_an_exchange_that_comes_back(amqptool_vhost: AmqpUrl) -> None:
    """C7: it is looked for again before anything fails, so one that was declared anew takes the messages."""

    async def scenario() -> list[Outcome]:
        await declare_queue(amqptool_vhost, "q")
        async with connect(amqptool_vhost) as connection, Publisher(amqptool_vhost) as publisher:
            channel = await connection.channel()
            await channel.declare_exchange("x", "fanout")
            await channel.bind_queue("x", "q", "")
            await publisher.publish(Message(body=b"", exchange="x"))

            async def messages() -> AsyncIterator[Message]:
                for number in range(40):
                    if number == 20:
                        await channel.delete_exchange("x")
                        await channel.declare_exchange("x", "direct")
                        await channel.bind_queue("x", "q", "")
                    yield Message(body=b"", exchange="x")

            return [outcome async for outcome in publisher.publish_many(messages())]

    assert errors(asyncio.run(scenario())) == [None] * 40


@asynccontextmanager
async def refusing_exchange(url: AmqpUrl) -> AsyncIterator[Channel]:
    """Declare an exchange `x` that leads to a full queue alone, and give a channel for deleting it."""
    async with connect(url) as connection:
        channel = await connection.channel()
        await channel.declare_exchange("x", "fanout")
        await channel.declare_queue("full", arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
        await channel.bind_queue("x", "full", "")
        await publish(url, [Message(body=b"", exchange="x")])
        yield channel


class Nacks:
    """Count nacks, by the chances that a publisher asks for; the fourth is followed by a wait of 0.8 s."""

    def __init__(self) -> None:
        self._count = 0
        self.fourth = asyncio.Event()

    def __call__(self) -> float:
        """Give no chance, which shortens no wait."""
        self._count += 1
        if self._count == 4:
            self.fourth.set()
        return 0.0


def test_a_stream_ends_with_a_nacked_message_whose_exchange_has_gone(amqptool_vhost: AmqpUrl) -> None:
    """C7: it fails when its time to be sent again comes, with nothing else going on."""

    async def scenario() -> list[Outcome]:
        async with refusing_exchange(amqptool_vhost) as channel:
            nacks = Nacks()

            async def messages() -> AsyncIterator[Message]:
                yield Message(body=b"nacked", exchange="x")
                await nacks.fourth.wait()
                await channel.delete_exchange("x")
                yield Message(body=b"gone", exchange="x")

            async with Publisher(amqptool_vhost, jitter=nacks) as publisher:
                return [outcome async for outcome in publisher.publish_many(messages(), skip_refused=True)]

    outcomes = asyncio.run(asyncio.wait_for(scenario(), 30))
    assert [outcome.message.body for outcome in outcomes] == [b"gone", b"nacked"]
    assert errors(outcomes) == [NotFound, NotFound]


def test_closing_ends_with_a_nacked_message_whose_exchange_has_gone(amqptool_vhost: AmqpUrl) -> None:
    """C7: so does whoever waits for everything that is out."""

    async def scenario() -> list[Outcome]:
        outcomes: list[Outcome] = []
        async with refusing_exchange(amqptool_vhost) as channel:
            nacks = Nacks()
            async with Publisher(amqptool_vhost, jitter=nacks) as publisher:
                await publisher.send(Message(body=b"nacked", exchange="x"), outcomes.append)
                await nacks.fourth.wait()
                await channel.delete_exchange("x")
                with pytest.raises(NotFound):
                    await publisher.publish(Message(body=b"gone", exchange="x"))
        return outcomes

    assert errors(asyncio.run(asyncio.wait_for(scenario(), 30))) == [NotFound]


async def declare_user(node: Endpoint, url: AmqpUrl, **rights: str) -> AmqpUrl:
    """Make a user with rights on a vhost."""
    async with Management.at(node.management_url, node.url) as management:
        user = {"password": "pw", "tags": ""}
        await management._request("test", "PUT", "users", "half", json=user)
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        await management._request("test", "PUT", "permissions", url.vhost, "half", json={**everything, **rights})
    return replace(url, username="half", password="pw")


def test_no_permission_for_one_exchange(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """A refused exchange takes down its own messages, and no others."""

    async def scenario() -> list[Outcome]:
        await declare_queue(amqptool_vhost, "q")
        url = await declare_user(amqptool_node, amqptool_vhost, write="^amq.default$")
        messages = [to("q") if number % 2 else Message(body=b"", exchange="amq.topic") for number in range(60)]
        async with Publisher(url) as publisher:
            return [outcome async for outcome in publisher.publish_many(messages, skip_refused=True)]

    outcomes = asyncio.run(scenario())
    for outcome in outcomes:
        assert isinstance(outcome, Failed) == (outcome.message.exchange == "amq.topic")
        assert isinstance(outcome, Confirmed) or isinstance(outcome.error, AccessRefused)
    assert len(outcomes) == 60


def test_words_that_name_nobody_find_the_culprit_alone() -> None:
    """When the broker does not say which one it was, each is sent alone; the one that it refuses again fails."""
    alone: list[str] = []

    def script(peer: Peer, number: int) -> None:
        if peer.publish.routing_key == "bad":
            peer.close_channel(540, "NOT_IMPLEMENTED - no idea")
        elif peer.publish.routing_key in withheld:
            withheld.remove(peer.publish.routing_key)  # in flight, and unconfirmed, when the channel is closed
        else:
            alone.append(peer.publish.routing_key)
            ack(peer, number)

    withheld = {"1", "2"}

    async def scenario() -> list[Outcome]:
        messages = [Message(body=b"", routing_key=key) for key in ("1", "2", "bad", "3", "bad", "4")]
        async with fake_broker(script) as url, Publisher(url) as publisher:
            return await outcomes_of(publisher, messages)

    outcomes = asyncio.run(asyncio.wait_for(scenario(), 30))
    assert errors(outcomes) == [None, None, BrokerError, None, BrokerError, None]
    assert alone == ["1", "2", "3", "4"]


def test_a_message_that_the_broker_refuses_by_closing_the_connection() -> None:
    """A hard error is a refusal too: the message fails, the connection is made anew, and the next one arrives."""

    def script(peer: Peer, number: int) -> None:
        if peer.publish.routing_key == "bad":
            peer.send(spec.Connection.Close(501, "FRAME_ERROR - too much for me", 60, 40), channel=0)
        else:
            ack(peer, number)

    async def scenario() -> list[Outcome]:
        async with fake_broker(script) as url, Publisher(url) as publisher:
            return await outcomes_of(publisher, [to("good"), to("bad"), to("good"), to("bad"), to("good")])

    outcomes = asyncio.run(asyncio.wait_for(scenario(), 60))
    assert errors(outcomes) == [None, BrokerError, None, BrokerError, None]


def test_exchanges_are_looked_for_one_by_one(amqptool_vhost: AmqpUrl) -> None:
    """Tasks that publish to different exchanges at once each hear of their own, and none of another's."""

    async def scenario() -> list[object]:
        async with Publisher(amqptool_vhost, mandatory=False) as publisher:
            exchanges = ["nope", "amq.topic", "nix", "amq.fanout"] * 25
            return await asyncio.gather(
                *(publisher.publish(Message(body=b"", exchange=name)) for name in exchanges), return_exceptions=True
            )

    results = asyncio.run(scenario())
    for result, name in zip(results, ["nope", "amq.topic", "nix", "amq.fanout"] * 25, strict=True):
        if name.startswith("amq."):
            assert isinstance(result, Confirmed)
        else:
            assert isinstance(result, NotFound)
            assert f"'{name}'" in str(result)


def test_messages_that_cannot_go_are_outcomes_when_told_so(amqptool_vhost: AmqpUrl) -> None:
    """C2, C10: with `skip_refused` every message has its outcome, in whatever way it fails."""

    async def scenario() -> list[Outcome]:
        await declare_queue(amqptool_vhost, "q")
        wrong = [
            to("q", headers=["h"]),
            to(b"q"),
            to("q", exchange=4711),
            to("q", exchange=["e"]),
            to("q", message_id=b"id"),
        ]  # type: ignore[arg-type]
        messages = [to("q"), to("q", priority=300), Message(body=b"", exchange="nope"), *wrong, to("q")]
        async with Publisher(amqptool_vhost) as publisher:
            found = [outcome async for outcome in publisher.publish_many(messages, skip_refused=True)]
        return sorted(found, key=lambda outcome: messages.index(outcome.message))

    assert errors(asyncio.run(scenario())) == [None, InputError, NotFound, *[InputError] * 5, None]


def nested(depth: int, kind: type) -> Any:
    """Make so many lists or tables in each other."""
    value: Any = kind()
    for _ in range(depth - 1):
        value = [value] if kind is list else {"k": value}
    return value


@pytest.mark.parametrize("kind", [list, dict])
def test_headers_nested_too_deeply_are_refused(amqptool_vhost: AmqpUrl, kind: type) -> None:
    """C10: as deep as is allowed they arrive; one level more is an error of that message alone."""

    async def scenario() -> list[Outcome]:
        await declare_queue(amqptool_vhost, "q")
        messages = [to("q", headers={"h": nested(MAX_DEPTH - more, kind)}) for more in (1, 0, 1)]
        async with Publisher(amqptool_vhost) as publisher:
            with pytest.raises(InputError, match="the headers are nested too deeply"):
                await publisher.publish(messages[1])
            found = [outcome async for outcome in publisher.publish_many(messages, skip_refused=True)]
        return sorted(found, key=lambda outcome: messages.index(outcome.message))

    assert errors(asyncio.run(scenario())) == [None, InputError, None]
