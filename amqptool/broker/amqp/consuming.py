"""Consuming on a channel, and settling what came."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from amqptool.alike import alike
from amqptool.broker.amqp.acks import Unsettled
from amqptool.broker.amqp.calls import Calls
from amqptool.broker.amqp.convert import as_table
from amqptool.broker.amqp.deliveries import Arrival, DeliveryFrames
from amqptool.broker.amqp.frames import ack_frame
from amqptool.message import Delivery, Message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amqptool.message import FieldValue
    from amqptool.settings.url import AmqpUrl


class ConsumingCalls(Calls):
    """What a channel can do with a queue's messages."""

    def __init__(self, url: AmqpUrl) -> None:
        super().__init__(url)
        #: What was delivered on this channel, and neither acked nor given back.
        self.unsettled = Unsettled()
        self._consumers: dict[bytes, Callable[[Arrival], None]] = {}
        self._numbers = count(1)

    async def consume(
        self,
        queue: str,
        on_delivery: Callable[[Delivery], None],
        on_cancelled: Callable[[], None],
        *,
        prefetch: int,
        exclusive: bool = False,
        auto_ack: bool = False,
        arguments: Mapping[str, FieldValue] | None = None,
        on_undecodable: Callable[[int, Exception], None] | None = None,
    ) -> str:
        """Start a consumer and return its tag; an `exclusive` one keeps others off a classic queue.

        With `auto_ack` the broker forgets what it sends, and heeds no prefetch.

        `on_cancelled` is called when the broker ends the consumer, as it does when the queue is deleted.
        `on_undecodable` is called with the delivery tag of a message whose headers cannot be decoded; without it,
        the connection is lost to such a message.

        Raises:
            NotFound: the queue does not exist.
            AccessRefused: no permission to read it, or another connection has it exclusively.
            PreconditionFailed: `arguments` are not for queues of its type.
        """
        self._raw.add_on_cancel_callback(lambda _frame: on_cancelled())
        await self._call("setting the prefetch", self._raw.basic_qos, prefetch_count=prefetch)
        if not self._consumers:
            self._hear(DeliveryFrames(self._on_arrival).take)
        tag = f"amqptool-{next(self._numbers)}"
        receive = self._receiver(queue, on_delivery, on_undecodable)
        self._consumers[tag.encode()] = receive if auto_ack else self._noting(receive)
        await self._ask(
            f"consuming from queue {queue!r}",
            self._raw.basic_consume,
            {("queue", queue): "read"},
            queue,
            on_message_callback=_never_called,
            auto_ack=auto_ack,
            exclusive=exclusive,
            consumer_tag=tag,
            arguments=as_table(arguments),
        )
        return tag

    async def check_readable(self, queue: str) -> None:
        """Ask for a consumer with a priority that is no number, which RabbitMQ refuses after checking permissions.

        Raises:
            AccessRefused: no permission to read the queue; the channel is closed.
            PreconditionFailed: there is nothing to say against it but the priority; the channel is closed.
            NotFound: the queue does not exist; the channel is closed.
        """
        await self._ask(
            f"consuming from queue {queue!r}",
            self._raw.basic_consume,
            {("queue", queue): "read"},
            queue,
            on_message_callback=_never_called,
            arguments={"x-priority": "none"},
        )

    async def cancel(self, consumer_tag: str) -> None:
        """End a consumer; no delivery comes after this returns."""
        if self.is_open and consumer_tag not in self._raw.consumer_tags:
            return  # the broker has ended it already, and pika would wait for an answer for ever
        await self._call("cancelling the consumer", self._raw.basic_cancel, consumer_tag)

    def ack(self, *delivery_tags: int) -> None:
        """Acknowledge deliveries; on a closed channel nothing happens, since the broker redelivers."""
        if self._raw.is_open:
            number = self._raw.channel_number
            acks = self.unsettled.settle(delivery_tags)
            self._raw.connection.send([ack_frame(number, tag, multiple=multiple) for tag, multiple in acks])

    def flush(self) -> None:
        """Send at once what is gathered to be sent together, as far as the connection takes it."""
        self._raw.connection.flush()

    def requeue(self, *delivery_tags: int) -> None:
        """Give deliveries back to their queue.

        With `basic.nack`, never `basic.reject`, which RabbitMQ 4.3 counts towards a quorum queue's
        delivery limit (RabbitMQ quorum queue guide, "When is delivery count incremented?"). With as few as can be: a
        classic queue looks through all it holds for each.
        """
        if self._raw.is_open:
            for tag, multiple in self.unsettled.settle(delivery_tags):
                self._raw.basic_nack(tag, multiple=multiple, requeue=True)

    def requeue_all(self) -> None:
        """Give everything back that is neither acked nor given back."""
        self.requeue(*self.unsettled)

    def _on_arrival(self, arrival: Arrival) -> None:
        self._consumers[arrival.consumer_tag](arrival)

    def _noting(self, receive: Callable[[Arrival], None]) -> Callable[[Arrival], None]:
        add = self.unsettled.add

        def note_and_receive(arrival: Arrival) -> None:
            add(arrival.delivery_tag)
            receive(arrival)

        return note_and_receive

    def _receiver(
        self,
        queue: str,
        on_delivery: Callable[[Delivery], None],
        on_undecodable: Callable[[int, Exception], None] | None,
    ) -> Callable[[Arrival], None]:
        any_message = Message(body=b"", message_id=None)
        template = Delivery(message=any_message, queue=queue, delivery_tag=0, redelivered=False)
        make = alike(template, "message", "delivery_tag", "redelivered")

        def receive(arrival: Arrival) -> None:
            try:
                message = arrival.message()
            except Exception as error:
                if on_undecodable is None:
                    raise
                on_undecodable(arrival.delivery_tag, error)
            else:
                on_delivery(make(message, arrival.delivery_tag, arrival.redelivered))

        return receive


def _never_called(*_: Any) -> None:
    """Stand where pika wants a callback: deliveries are heard before they come to it."""
