"""Messages in tests: deliveries to try handlers on, and what was published to a real broker."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from amqptool.testing.loops import run_apart

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from amqptool.broker.discovery import Urls
    from amqptool.message import Delivery, Message
    from amqptool.settings.url import AmqpUrl
    from amqptool.topology.model import Topology

#: Seconds to wait for a message.
PATIENCE = 10.0


def make_delivery(
    body: bytes = b"",
    *,
    queue: str = "queue",
    delivery_tag: int = 1,
    redelivered: bool = False,
    attempt: int = 1,
    **fields: Any,
) -> Delivery:
    """Make a delivery as a handler gets it; `fields` are those of `Message`.

    Unless they say otherwise, it was published to the queue through the default exchange.
    """
    from amqptool.message import Delivery, Message

    message = Message(body=body, **{"routing_key": queue, **fields})
    return Delivery(message=message, queue=queue, delivery_tag=delivery_tag, redelivered=redelivered, attempt=attempt)


def declare(urls: Urls, topology: Topology | str | PathLike[str]) -> None:
    """Declare a topology, or what a topology file says.

    Raises:
        TopologyError: the file is not valid.
        BrokerError: the broker is not there, or did not take an object.
    """
    from amqptool.broker.reconcile.library import declare as declare_all
    from amqptool.topology.model import Topology

    wanted = topology if isinstance(topology, Topology) else Topology.load(topology)
    for declared in run_apart(declare_all(urls, wanted)):
        if declared.error is not None:
            raise declared.error


def publish(urls: Urls, *messages: Message) -> None:
    """Publish messages, and wait for the confirm of each.

    Raises:
        AmqptoolError: one was not confirmed; see `Publisher.publish`.
    """
    from amqptool.publish.publisher import Publisher

    async def publish_all() -> None:
        async with Publisher(urls) as publisher:
            for message in messages:
                await publisher.publish(message)

    run_apart(publish_all())


def consume_one(urls: Urls, queue: str, *, timeout: float = PATIENCE) -> Delivery:
    """Take the first message of a queue, waiting for one; it is acknowledged.

    Raises:
        TimeoutError: none has come in so many seconds.
        NotFound: the queue does not exist.
    """
    return run_apart(_first(urls, queue, timeout))


class Published:
    """What is published to an exchange while a block of `published` runs."""

    def __init__(self, url: AmqpUrl, queue: str) -> None:
        self._url = url
        self._queue = queue

    def next(self, *, timeout: float = PATIENCE) -> Delivery:
        """Take the next message, waiting for one.

        Raises:
            TimeoutError: none has come in so many seconds.
        """
        return consume_one(self._url, self._queue, timeout=timeout)

    def count(self) -> int:
        """Return how many messages have come that nobody has taken."""
        from amqptool.broker.amqp import connect

        async def ready() -> int:
            async with connect(self._url) as connection:
                return (await (await connection.channel()).check_queue(self._queue)).ready

        return run_apart(ready())


@contextmanager
def published(urls: Urls, exchange: str, routing_key: str = "#") -> Iterator[Published]:
    """Give what is published to an exchange while a block runs, and disturb nobody else.

    The key is a binding's: `#` is everything at a topic, fanout or headers exchange; a direct one wants a key.

    Raises:
        NotFound: the exchange does not exist.
    """
    from uuid import uuid4

    from amqptool.broker.amqp import connect
    from amqptool.broker.answering import first_to_answer

    url = run_apart(first_to_answer(urls))
    queue = f"amqptool-test-{uuid4().hex[:12]}"

    async def begin() -> None:
        async with connect(url) as connection:
            channel = await connection.channel()
            await channel.declare_queue(queue)
            await channel.bind_queue(exchange, queue, routing_key)

    async def end() -> None:
        async with connect(url) as connection:
            await (await connection.channel()).delete_queue(queue)

    try:
        run_apart(begin())
        yield Published(url, queue)
    finally:
        run_apart(end())


async def _first(urls: Urls, queue: str, timeout: float) -> Delivery:
    import asyncio

    from amqptool.broker.amqp import Hosts, any_of
    from amqptool.broker.discovery import brokers_at

    arrived: asyncio.Future[Delivery] = asyncio.get_running_loop().create_future()
    async with any_of(Hosts(brokers_at(urls))) as connection:
        channel = await connection.channel()
        await channel.check_queue(queue)

        def take(delivery: Delivery) -> None:
            if not arrived.done():
                channel.ack(delivery.delivery_tag)
                arrived.set_result(delivery)

        await channel.consume(queue, take, lambda: None, prefetch=1)
        try:
            return await asyncio.wait_for(arrived, timeout)
        except TimeoutError:
            raise TimeoutError(f"no message has come to queue {queue!r} in {timeout:g} s") from None
