"""Consume with FastStream, which acks each message: faststream_consume URL QUEUE COUNT."""

import asyncio
import logging
import sys

from faststream import FastStream
from faststream.rabbit import Channel, RabbitBroker, RabbitMessage, RabbitQueue

url, queue, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
broker = RabbitBroker(url, default_channel=Channel(prefetch_count=1000), logger=None)
app = FastStream(broker, logger=None)
done = 0


@broker.subscriber(RabbitQueue(queue, durable=True, declare=False))
async def handle(_message: RabbitMessage) -> None:
    """Do nothing, and stop after the last one."""
    global done
    done += 1
    if done == count:
        app.exit()


logging.disable()
asyncio.run(app.run())
