"""Publish with aio-pika, gathering the confirms of a thousand at a time: aio_pika_gathered URL QUEUE COUNT SIZE."""

import asyncio
import sys
from uuid import uuid4

import aio_pika

BATCH = 1_000


async def main(url: str, queue: str, count: int, size: int) -> None:
    """Publish, with publisher confirms, which are aio-pika's default."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()

        async def publish() -> None:
            message = aio_pika.Message(
                b"x" * size, delivery_mode=aio_pika.DeliveryMode.PERSISTENT, message_id=str(uuid4())
            )
            await channel.default_exchange.publish(message, queue)

        for start in range(0, count, BATCH):
            await asyncio.gather(*(publish() for _ in range(min(BATCH, count - start))))


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
