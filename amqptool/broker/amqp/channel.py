"""One AMQP channel: all it can do, and what comes unasked."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import pika

from amqptool.broker.amqp.calls import ENCODING_ERRORS
from amqptool.broker.amqp.convert import as_message
from amqptool.broker.amqp.frames import PublishFrames
from amqptool.broker.amqp.topology import TopologyCalls
from amqptool.errors import InputError
from amqptool.message import Delivery, Message, Returned, check_message

if TYPE_CHECKING:
    from collections.abc import Callable


class Channel(TopologyCalls):
    """One channel, for topology (see `TopologyCalls`), publishing and consuming."""

    # -- publishing --

    async def select_confirms(
        self, on_confirm: Callable[[int, bool, bool], None], on_returned: Callable[[Returned], None]
    ) -> None:
        """Put the channel into confirm mode.

        `on_confirm(tag, multiple, accepted)` is called for each ack and nack, `on_returned` before the
        ack of a mandatory message that no queue took.
        """

        def returned(_raw: object, method: Any, properties: Any, body: bytes) -> None:
            message = as_message(method, properties, body)
            on_returned(Returned(message=message, reply_code=method.reply_code, reply_text=method.reply_text))

        self._raw.add_on_return_callback(returned)
        number, connection = self._raw.channel_number, self._raw.connection
        connection.hear_confirms(number, on_confirm)
        self.closed.add_done_callback(lambda _: connection.hear_confirms(number, None))
        await self._call("asking for confirms", self._raw.confirm_delivery, lambda _confirm_heard_above: None)

    def publish(self, message: Message, *, mandatory: bool = True) -> int:
        """Write a message to the connection's buffer; it has not been sent, let alone confirmed, by then.

        Returns how many bytes its headers take, and the properties with them; 0 if there are none.

        Raises:
            InputError: AMQP cannot carry the message; the text names the field.
            BrokerUnavailable: the channel is closed.
        """
        if message.headers or message.expiration is not None or not isinstance(message.body, bytes):
            # pika would send any text as expiration, for which the broker closes the channel, would take for
            # ever to encode some decimals, and would encode a text body, which then comes back as bytes.
            check_message(message)
        if not self._raw.is_open:
            raise self._lost("publishing", pika.exceptions.ChannelWrongStateError())
        try:
            frames, header_bytes = self._frames.of(message, mandatory=mandatory)
        except ENCODING_ERRORS as error:
            raise _unfit(message, error) from error
        if header_bytes > self._frames.limit:  # the broker would close the connection for it
            raise InputError(
                f"the properties and headers take {header_bytes:,} bytes, and a frame holds {self._frames.limit:,}"
            )
        self._raw.connection.send(frames)
        return header_bytes if message.headers else 0

    @cached_property
    def _frames(self) -> PublishFrames:
        # The limit is the one agreed with the broker.
        return PublishFrames(self._raw.channel_number, self._raw.connection.params.frame_max)

    # -- consuming --

    async def consume(
        self,
        queue: str,
        on_delivery: Callable[[Delivery], None],
        on_cancelled: Callable[[], None],
        *,
        prefetch: int,
        exclusive: bool = False,
    ) -> str:
        """Start a consumer and return its tag; an `exclusive` one keeps others off a classic queue.

        `on_cancelled` is called when the broker ends the consumer, as it does when the queue is deleted.

        Raises:
            NotFound: the queue does not exist.
            AccessRefused: no permission to read it, or another connection has it exclusively.
        """

        def delivered(_raw: object, method: Any, properties: Any, body: bytes) -> None:
            on_delivery(
                Delivery(
                    message=as_message(method, properties, body),
                    queue=queue,
                    delivery_tag=method.delivery_tag,
                    redelivered=method.redelivered,
                )
            )

        self._raw.add_on_cancel_callback(lambda _frame: on_cancelled())
        await self._call("setting the prefetch", self._raw.basic_qos, prefetch_count=prefetch)
        reply = await self._call(
            f"consuming from queue {queue!r}",
            self._raw.basic_consume,
            queue,
            on_message_callback=delivered,
            exclusive=exclusive,
        )
        return str(reply.consumer_tag)

    async def cancel(self, consumer_tag: str) -> None:
        """End a consumer; no delivery comes after this returns."""
        if self.is_open and consumer_tag not in self._raw.consumer_tags:
            return  # the broker has ended it already, and pika would wait for an answer for ever
        await self._call("cancelling the consumer", self._raw.basic_cancel, consumer_tag)

    def ack(self, delivery_tag: int) -> None:
        """Acknowledge one delivery; on a closed channel nothing happens, since the broker redelivers."""
        if self._raw.is_open:
            self._raw.basic_ack(delivery_tag)

    def requeue(self, delivery_tag: int, *, multiple: bool = False) -> None:
        """Give one delivery back to its queue, or with `multiple` all that are un-acked, up to this one.

        With `basic.nack`, never `basic.reject`, which RabbitMQ 4.3 counts towards a quorum queue's
        delivery limit (RabbitMQ quorum queue guide, "When is delivery count incremented?").
        """
        if self._raw.is_open:
            self._raw.basic_nack(delivery_tag, multiple=multiple, requeue=True)


def _unfit(message: Message, error: Exception) -> InputError:
    check_message(message)
    return InputError(f"the message cannot be encoded for AMQP: {error}")
