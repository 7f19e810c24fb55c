"""Messages are taken off a queue only once their copies are safe in the other."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from amqptool import AmqptoolError, AmqpUrl, InUse, Message, Nacked, Unroutable
from amqptool.broker.amqp import connect
from amqptool.migrate.moving import PREFETCH, Route, move
from amqptool.topology.model import Queue
from tests.support.broker import drain, publish, queue_length

#: More than are in hand at a time.
MESSAGES = [Message(body=b"", routing_key="from") for _ in range(PREFETCH + 100)]


async def prepare(url: AmqpUrl, *, source: dict[str, Any], target: dict[str, Any] | None) -> Route:
    """Declare two queues and the exchange between them, and put messages into the first."""
    async with connect(url) as connection:
        channel = await connection.channel()
        await channel.declare_queue("from", arguments=source)
        await channel.declare_exchange("via", "fanout")
        if target is not None:
            await channel.declare_queue("to", arguments=target)
            await channel.bind_queue("via", "to", "")
    await publish(url, MESSAGES)
    return Route(source=Queue(name="from", arguments=source), target="to", via="via")


def ids(messages: list[Any]) -> set[str | None]:
    """Return the ids of messages or deliveries."""
    return {each.message_id for each in messages}


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_everything_is_moved(amqptool_vhost: AmqpUrl, kind: str) -> None:
    """Each message once, and progress is told at the start and at the end, in between once a second at most."""
    told: list[str] = []

    async def main() -> list[Any]:
        arguments = {"x-queue-type": kind}
        route = await prepare(amqptool_vhost, source=arguments, target=arguments)
        assert await move(amqptool_vhost, route, told.append) == len(MESSAGES)
        assert await move(amqptool_vhost, route, told.append) == 0
        assert await queue_length(amqptool_vhost, "from") == 0
        return await drain(amqptool_vhost, "to")

    moved = asyncio.run(main())
    assert (len(moved), ids(moved)) == (len(MESSAGES), ids(MESSAGES))
    assert told == [f"moved {count} messages from from to to" for count in (PREFETCH, len(MESSAGES), 0)]


@pytest.mark.parametrize(
    ("target", "error"), [(None, Unroutable), ({"x-max-length": 50, "x-overflow": "reject-publish"}, Nacked)]
)
def test_what_the_target_does_not_take_stays(
    amqptool_vhost: AmqpUrl, target: dict[str, Any] | None, error: type[AmqptoolError]
) -> None:
    """A copy that is returned or refused ends the move; the originals of all that did not arrive are there."""

    async def main() -> list[Any]:
        route = await prepare(amqptool_vhost, source={}, target=target)
        with pytest.raises(error):
            await move(amqptool_vhost, route, lambda _: None)
        names = ["from"] if target is None else ["from", "to"]
        while sum([await queue_length(amqptool_vhost, name) for name in names]) < len(MESSAGES):
            pass  # until what was in hand is back: the broker has yet to notice that the connection is gone
        return [each for name in names for each in await drain(amqptool_vhost, name)]

    assert ids(asyncio.run(main())) == ids(MESSAGES)


def test_another_consumer_is_told(amqptool_vhost: AmqpUrl) -> None:
    """A classic queue is consumed from exclusively, so that nobody's message is moved away."""

    async def main() -> None:
        route = await prepare(amqptool_vhost, source={}, target={})
        async with connect(amqptool_vhost) as connection:
            channel = await connection.channel()
            await channel.consume("from", lambda _: None, lambda: None, prefetch=1)
            with pytest.raises(InUse, match="queue from has another consumer"):
                await move(amqptool_vhost, route, lambda _: None)

    asyncio.run(main())


def test_a_queue_that_is_deleted_meanwhile_is_told(amqptool_vhost: AmqpUrl) -> None:
    """The move does not wait for messages that cannot come."""

    async def main() -> None:
        route = await prepare(amqptool_vhost, source={}, target={})
        deleting: list[asyncio.Task[int]] = []
        async with connect(amqptool_vhost) as connection:
            channel = await connection.channel()

            def on_progress(_step: str) -> None:
                deleting.append(asyncio.create_task(channel.delete_queue("from")))

            with pytest.raises(AmqptoolError, match=r"deleted meanwhile|no queue 'from'"):
                while True:
                    await move(amqptool_vhost, route, on_progress)
                    await publish(amqptool_vhost, MESSAGES)
            await asyncio.gather(*deleting)

    asyncio.run(main())
