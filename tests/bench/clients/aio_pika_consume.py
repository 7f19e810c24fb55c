"""Consume with aio-pika, acking each message: aio_pika_consume URL QUEUE COUNT."""

import asyncio
import sys

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

url, queue, count = sys.argv[1], sys.argv[2], int(sys.argv[3])


async def main() -> None:
    """Take so many messages."""
    done, over = 0, asyncio.Event()

    async def handle(message: AbstractIncomingMessage) -> None:
        nonlocal done
        await message.ack()
        done += 1
        if done == count:
            over.set()

    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=1000)
        await (await channel.get_queue(queue)).consume(handle)
        await over.wait()


asyncio.run(main())
