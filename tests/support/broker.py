"""What tests do to a broker, in one line each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from amqptool import AmqpUrl, Confirmed, Message, Publisher
from amqptool.broker.amqp import connect
from amqptool.broker.local import Endpoint
from amqptool.broker.management import Management
from amqptool.message import Delivery


async def declare_queue(url: AmqpUrl, name: str, **arguments: object) -> None:
    """Declare a durable queue."""
    async with connect(url) as connection:
        channel = await connection.channel()
        await channel.declare_queue(name, arguments=arguments)  # type: ignore[arg-type]


async def delete_queue(url: AmqpUrl, name: str) -> int:
    """Delete a queue, whatever is in it, and return how many messages were."""
    async with connect(url) as connection:
        channel = await connection.channel()
        return await channel.delete_queue(name)


async def queue_length(url: AmqpUrl, name: str) -> int:
    """Count the messages of a queue that are not in anybody's hands."""
    async with connect(url) as connection:
        channel = await connection.channel()
        return (await channel.check_queue(name)).ready


async def close_connections(node: Endpoint, url: AmqpUrl) -> None:
    """Close the connections to a vhost, as an operator would, waiting until the broker lists one."""
    async with Management.at(node.management_url, url) as management:
        while not await management.close_connections(url.vhost):
            pass


async def import_definitions(node: Endpoint, definitions: str, vhost: str | None = None) -> None:
    """Import a definitions.json, as `rabbitmqctl import_definitions` does, or one of a single vhost."""
    async with Management.at(node.management_url, node.url) as management:
        path = ["definitions", *([] if vhost is None else [vhost])]
        await management._request("import definitions", "POST", *path, json=json.loads(definitions))


async def bind_deeply(node: Endpoint, url: AmqpUrl, queue: str, depth: int) -> None:
    """Bind a queue to `amq.headers` with an argument that is so many lists within each other."""
    deep = "[" * depth + "]" * depth
    target = f"{node.management_url}/api/bindings/{url.vhost}/e/amq.headers/q/{queue}"
    async with Management.at(node.management_url, node.url) as management:
        assert management._session is not None
        # As text: Python's own json goes no deeper than what is tested.
        async with management._session.post(target, data=f'{{"arguments": {{"deep": {deep}}}}}') as response:
            assert response.status == 201


async def publish(url: AmqpUrl, messages: Sequence[Message]) -> None:
    """Publish messages and insist that every one is confirmed."""
    async with Publisher(url) as publisher:
        async for outcome in publisher.publish_many(messages):
            assert isinstance(outcome, Confirmed), outcome


async def drain(url: AmqpUrl, queue: str) -> list[Delivery]:
    """Take everything out of a queue."""
    taken: list[Delivery] = []
    async with connect(url) as connection:
        expected = await queue_length(url, queue)
        complete = asyncio.Event()
        channel = await connection.channel()

        def on_delivery(delivery: Delivery) -> None:
            taken.append(delivery)
            channel.ack(delivery.delivery_tag)
            if len(taken) == expected:
                complete.set()

        if expected:
            await channel.consume(queue, on_delivery, complete.set, prefetch=100)
            await complete.wait()
    return taken


async def first(url: AmqpUrl, queue: str) -> Delivery:
    """Wait for a message in a queue, and take it."""
    arrived: asyncio.Future[Delivery] = asyncio.get_running_loop().create_future()
    async with connect(url) as connection:
        channel = await connection.channel()

        def on_delivery(delivery: Delivery) -> None:
            channel.ack(delivery.delivery_tag)
            arrived.set_result(delivery)

        def on_cancel() -> None:
            arrived.set_exception(AssertionError("the queue went away"))

        await channel.consume(queue, on_delivery, on_cancel, prefetch=1)
        return await asyncio.wait_for(arrived, 60)
