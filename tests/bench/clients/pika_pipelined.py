"""Publish with bare pika, up to 10,000 messages on their way: pika_pipelined URL QUEUE COUNT SIZE."""

import asyncio
import sys
from uuid import uuid4

import pika
from pika.adapters.asyncio_connection import AsyncioConnection

WINDOW = 10_000
BURST = 100


class Pipeline:
    """One connection that publishes as confirms come in."""

    def __init__(self, url: str, queue: str, count: int, size: int) -> None:
        self.done = asyncio.get_running_loop().create_future()
        self._queue, self._count, self._body = queue, count, b"x" * size
        self._sent = self._confirmed = 0
        self._connection = AsyncioConnection(pika.URLParameters(url), on_open_callback=self._on_open)

    def _on_open(self, connection: AsyncioConnection) -> None:
        connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: pika.channel.Channel) -> None:
        self._channel = channel
        channel.confirm_delivery(self._on_confirm, callback=lambda _: self._publish())

    def _publish(self) -> None:
        for _ in range(min(BURST, self._count - self._sent, WINDOW - (self._sent - self._confirmed))):
            properties = pika.BasicProperties(delivery_mode=2, message_id=str(uuid4()))
            self._channel.basic_publish("", self._queue, self._body, properties, mandatory=True)
            self._sent += 1
        if self._sent < self._count and self._sent - self._confirmed < WINDOW:
            asyncio.get_running_loop().call_soon(self._publish)

    def _on_confirm(self, frame: pika.frame.Method) -> None:
        if not isinstance(frame.method, pika.spec.Basic.Ack):
            sys.exit("not confirmed")
        was_full = self._sent - self._confirmed >= WINDOW
        self._confirmed = frame.method.delivery_tag if frame.method.multiple else self._confirmed + 1
        if self._confirmed == self._count:
            self.done.set_result(None)
        elif was_full:
            self._publish()


async def main() -> None:
    """Publish what the arguments say."""
    await Pipeline(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])).done


asyncio.run(main())
