"""Whether a queue is in use is known exactly and at once, whoever holds its messages."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from amqptool import InUse, Message
from amqptool.broker.amqp import connect
from amqptool.broker.management import Management
from amqptool.broker.occupancy import Occupancy, delete_free, occupancies
from amqptool.message import Delivery
from tests.support.broker import declare_queue, publish, queue_length

if TYPE_CHECKING:
    from amqptool.broker.local import Endpoint
    from amqptool.settings.url import AmqpUrl


async def look(node: Endpoint, url: AmqpUrl, *names: str) -> dict[str, Occupancy]:
    """Ask about queues over both protocols."""
    async with connect(url) as connection, Management.at(node.management_url, url) as management:
        return await occupancies(connection, management, names)


@pytest.mark.parametrize("queue_type", ["classic", "quorum"])
def test_unacked_messages_without_a_consumer_are_seen_at_once(
    amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, queue_type: str
) -> None:
    """A consumer that was cancelled may still hold messages; the queue is not free until it acks them."""

    async def main() -> None:
        await declare_queue(amqptool_vhost, "q", **{"x-queue-type": queue_type})
        assert (await look(amqptool_node, amqptool_vhost, "q"))["q"].is_free
        await publish(amqptool_vhost, [Message(body=b"", routing_key="q") for _ in range(2)])
        assert not (await look(amqptool_node, amqptool_vhost, "q"))["q"].is_free
        async with connect(amqptool_vhost) as connection:
            channel = await connection.channel()
            taken: list[Delivery] = []
            both = asyncio.Event()

            def on_delivery(delivery: Delivery) -> None:
                taken.append(delivery)
                if len(taken) == 2:
                    both.set()

            tag = await channel.consume("q", on_delivery, lambda: None, prefetch=2)
            await both.wait()
            await channel.cancel(tag)
            seen = (await look(amqptool_node, amqptool_vhost, "q"))["q"]
            assert seen.ready == 0
            assert not seen.is_free
            for delivery in taken:
                channel.ack(delivery.delivery_tag)
            while not (await look(amqptool_node, amqptool_vhost, "q"))["q"].is_free:
                pass  # until the acks have arrived

    asyncio.run(main())


def test_a_message_in_hand_of_basic_get_is_seen(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """A quorum queue counts its holder as a consumer, a classic one counts the message."""

    async def main() -> dict[str, Occupancy]:
        async with connect(amqptool_vhost) as connection:
            channel = await connection.channel()
            for queue_type in ("classic", "quorum"):
                await declare_queue(amqptool_vhost, queue_type, **{"x-queue-type": queue_type})
                await publish(amqptool_vhost, [Message(body=b"", routing_key=queue_type)])
                got = asyncio.get_running_loop().create_future()
                channel._raw.basic_get(queue_type, lambda *reply, got=got: got.set_result(reply))
                await got
            return await look(amqptool_node, amqptool_vhost, "classic", "quorum")

    seen = asyncio.run(main())
    assert (seen["classic"].unacked, seen["classic"].consumers) == (1, 0)
    assert (seen["quorum"].ready, seen["quorum"].consumers) == (0, 1)


def test_without_the_management_api_unacked_messages_are_not_known(amqptool_vhost: AmqpUrl) -> None:
    """Then no queue is surely free; what does not exist, or is another connection's own, is left out."""

    async def main() -> dict[str, Occupancy]:
        await declare_queue(amqptool_vhost, "q")
        async with connect(amqptool_vhost) as other, connect(amqptool_vhost) as connection:
            await (await other.channel()).declare_queue("theirs", exclusive=True)
            return await occupancies(connection, None, ["missing", "theirs", "q"])

    assert asyncio.run(main()) == {"q": Occupancy(ready=0, consumers=0, unacked=None)}


@pytest.mark.parametrize(
    ("occupancy", "words"),
    [
        (Occupancy(ready=0, consumers=0, unacked=0), "is empty and has no consumers"),
        (Occupancy(ready=1, consumers=0, unacked=0), "holds 1 message"),
        (Occupancy(ready=1000, consumers=1, unacked=2), "holds 1,002 messages (2 of them un-acked) and has 1 consumer"),
        (Occupancy(ready=0, consumers=2, unacked=None), "has 2 consumers and may hold un-acked messages"),
    ],
)
def test_it_is_told_in_words(occupancy: Occupancy, words: str) -> None:
    """People read why a queue is kept."""
    assert str(occupancy) == words


def test_a_stream_is_never_free(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """What a stream holds is told seconds later, so nothing is concluded from its telling of none."""

    async def main() -> Occupancy:
        await declare_queue(amqptool_vhost, "s", **{"x-queue-type": "stream"})
        return (await look(amqptool_node, amqptool_vhost, "s"))["s"]

    seen = asyncio.run(main())
    assert not seen.is_free
    assert str(seen) == "may hold messages: a stream tells late what it holds"


@pytest.mark.parametrize("queue_type", ["classic", "quorum"])
def test_a_message_that_comes_at_the_last_moment_keeps_its_queue(
    amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, queue_type: str
) -> None:
    """What was found to be free is not deleted if it is not free any more."""

    async def main() -> int:
        await declare_queue(amqptool_vhost, "q", **{"x-queue-type": queue_type})
        found = (await look(amqptool_node, amqptool_vhost, "q"))["q"]
        assert found.is_free
        await publish(amqptool_vhost, [Message(body=b"", routing_key="q")])
        async with connect(amqptool_vhost) as connection:
            with pytest.raises(InUse, match="came just before"):
                await delete_free(await connection.channel(), "q", found)
        return await queue_length(amqptool_vhost, "q")

    assert asyncio.run(main()) == 1


@pytest.mark.parametrize("queue_type", ["classic", "quorum"])
def test_a_free_queue_is_deleted_once(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, queue_type: str) -> None:
    """That somebody else was faster is no error."""

    async def main() -> dict[str, Occupancy]:
        await declare_queue(amqptool_vhost, "q", **{"x-queue-type": queue_type})
        found = (await look(amqptool_node, amqptool_vhost, "q"))["q"]
        async with connect(amqptool_vhost) as connection:
            for _ in range(2):
                await delete_free(await connection.channel(), "q", found)
        return await look(amqptool_node, amqptool_vhost, "q")

    assert asyncio.run(main()) == {}
