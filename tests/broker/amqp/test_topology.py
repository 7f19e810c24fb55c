"""Deleting, unbinding and looking, on a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from amqptool import AccessRefused, AmqpUrl, InputError, Message, NotFound, PreconditionFailed, Unroutable
from amqptool.broker.amqp import Channel, QueueCounts, connect
from amqptool.message import Delivery, FieldValue
from amqptool.publish.publisher import Publisher
from tests.support.broker import publish


def on_channel(url: AmqpUrl, work: Callable[[Channel], Awaitable[None]]) -> None:
    """Do something on a channel of its own."""

    async def main() -> None:
        async with connect(url) as connection:
            await work(await connection.channel())

    asyncio.run(main())


@pytest.mark.parametrize("queue_type", ["classic", "quorum"])
def test_a_queue_is_counted_and_deleted(amqptool_vhost: AmqpUrl, queue_type: str) -> None:
    """Ready messages and consumers are exact; un-acked messages are not among them; deleting takes all."""

    async def work(channel: Channel) -> None:
        arrived = asyncio.Event()
        await channel.declare_queue("q", arguments={"x-queue-type": queue_type})
        await publish(amqptool_vhost, [Message(body=b"", routing_key="q") for _ in range(3)])
        assert await channel.check_queue("q") == QueueCounts(ready=3, consumers=0)

        def on_delivery(_delivery: Delivery) -> None:
            arrived.set()

        await channel.consume("q", on_delivery, lambda: None, prefetch=1)
        await arrived.wait()
        assert await channel.check_queue("q") == QueueCounts(ready=2, consumers=1)
        assert await channel.delete_queue("q") in (2, 3)  # a quorum queue counts the un-acked message here
        with pytest.raises(NotFound, match="looking for queue 'q'"):
            await channel.check_queue("q")

    on_channel(amqptool_vhost, work)


def test_what_is_not_there_is_deleted_and_unbound_without_complaint(amqptool_vhost: AmqpUrl) -> None:
    """RabbitMQ answers that it is done, so that undoing twice is no error."""

    async def work(channel: Channel) -> None:
        assert await channel.delete_queue("q") == 0
        await channel.delete_exchange("e")
        await channel.unbind_queue("e", "q", "k")
        await channel.unbind_exchange("e", "f", "k", {"x": 1})
        assert channel.is_open

    on_channel(amqptool_vhost, work)


def test_a_binding_is_removed_by_its_key_and_arguments(amqptool_vhost: AmqpUrl) -> None:
    """Of bindings that look alike, the one with the same key and arguments goes, the others stay."""

    async def work(channel: Channel) -> None:
        await channel.declare_queue("q")
        await channel.bind_queue("amq.headers", "q", "", {"n": 1})
        await channel.bind_queue("amq.headers", "q", "", {"n": "1"})
        await channel.unbind_queue("amq.headers", "q", "", {"n": "1"})
        async with Publisher(amqptool_vhost) as publisher:
            await publisher.publish(Message(body=b"", exchange="amq.headers", headers={"n": 1}))
            with pytest.raises(Unroutable):
                await publisher.publish(Message(body=b"", exchange="amq.headers", headers={"n": "1"}))

    on_channel(amqptool_vhost, work)


def test_an_exchange_that_others_bind_to_is_unused_once_they_are_unbound(amqptool_vhost: AmqpUrl) -> None:
    """With `if_unused`, the broker refuses to delete a source of bindings."""

    async def work(channel: Channel) -> None:
        for name in ("front", "back"):
            await channel.declare_exchange(name, "fanout")
        await channel.bind_exchange("front", "back", "")
        await channel.unbind_exchange("front", "back", "")
        await channel.delete_exchange("front", if_unused=True)
        await channel.bind_exchange("amq.fanout", "back", "")
        await channel.delete_exchange("back", if_unused=True)
        await channel.declare_exchange("front", "fanout")
        await channel.bind_exchange("front", "amq.fanout", "")
        with pytest.raises(PreconditionFailed, match="deleting exchange 'front'"):
            await channel.delete_exchange("front", if_unused=True)

    on_channel(amqptool_vhost, work)


@pytest.mark.parametrize("name", ["a\nb", "a\r"])
def test_a_name_with_a_line_break_is_refused(amqptool_vhost: AmqpUrl, name: str) -> None:
    """RabbitMQ removes it, and its answer is about another queue than the one that was asked for."""

    async def work(channel: Channel) -> None:
        for refused in (
            channel.declare_queue(name),
            channel.check_queue(name),
            channel.purge_queue(name),
            channel.declare_exchange(name, "fanout"),
            channel.check_exchange(name),
        ):
            with pytest.raises(InputError, match="line break"):
                await refused

    on_channel(amqptool_vhost, work)


def test_an_exclusive_queue_is_its_connections_alone(amqptool_vhost: AmqpUrl) -> None:
    """Another connection is refused with 405, and the queue goes with the connection."""

    async def work(channel: Channel) -> None:
        async with connect(amqptool_vhost) as owner:
            await (await owner.channel()).declare_queue("lock", durable=False, exclusive=True)
            with pytest.raises(AccessRefused) as refused:
                await channel.declare_queue("lock", durable=False, exclusive=True)
        assert refused.value.reply_code == 405
        async with connect(amqptool_vhost) as other:
            await (await other.channel()).declare_queue("lock", durable=False, exclusive=True)

    on_channel(amqptool_vhost, work)


def test_arguments_too_deep_to_be_encoded_are_refused(amqptool_vhost: AmqpUrl) -> None:
    """A nesting that takes more calls than Python allows is bad input, and the channel goes on."""
    deep: FieldValue = []
    for _ in range(5_000):
        deep = [deep]

    async def scenario() -> QueueCounts:
        async with connect(amqptool_vhost) as connection:
            channel = await connection.channel()
            with pytest.raises(InputError, match="declaring queue 'q': the AMQP library cannot encode"):
                await channel.declare_queue("q", arguments={"x-deep": deep})
            await channel.declare_queue("q")
            return await channel.check_queue("q")

    assert asyncio.run(scenario()).ready == 0
