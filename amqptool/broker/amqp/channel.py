"""One AMQP channel: requests that are awaited, and what comes unasked."""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING, Any

import pika

from amqptool.broker.amqp.convert import as_message, as_properties, as_table
from amqptool.broker.amqp.translate import translate
from amqptool.errors import AmqptoolError, InputError
from amqptool.message import Delivery, Message, Returned, check_message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pika.adapters.asyncio_connection import AsyncioConnection

    from amqptool.message import FieldValue
    from amqptool.settings.url import AmqpUrl

# What pika raises while encoding a value that AMQP cannot carry.
_ENCODING_ERRORS = (
    struct.error,
    AssertionError,
    AttributeError,
    TypeError,
    ValueError,
    OverflowError,
    pika.exceptions.ShortStringTooLong,
    pika.exceptions.UnsupportedAMQPFieldException,
)


class Channel:
    """One channel; after an error it is closed for good, as AMQP has it."""

    def __init__(self, url: AmqpUrl) -> None:
        self._url = url
        self._loop = asyncio.get_running_loop()
        #: Set to the reason once the channel is gone, with or without its connection.
        self.closed: asyncio.Future[AmqptoolError] = self._loop.create_future()
        self._replies: dict[asyncio.Future[Any], str] = {}
        self._raw: Any

    @classmethod
    async def open(cls, connection: AsyncioConnection, url: AmqpUrl) -> Channel:
        """Open a channel on a raw connection; called by `Connection.channel`."""
        self = cls(url)
        opened = self._expect("opening a channel")
        try:
            self._raw = connection.channel(on_open_callback=lambda raw: _resolve(opened, raw))
        except pika.exceptions.AMQPError as error:
            opened.cancel()
            raise translate(error, "opening a channel") from error
        self._raw.add_on_close_callback(self._on_closed)
        await opened
        return self

    @property
    def is_open(self) -> bool:
        """Whether the channel can be used."""
        return bool(self._raw.is_open)

    # -- topology --

    async def declare_exchange(
        self,
        name: str,
        exchange_type: str,
        *,
        durable: bool = True,
        auto_delete: bool = False,
        internal: bool = False,
        arguments: Mapping[str, FieldValue] | None = None,
    ) -> None:
        """Declare an exchange.

        Raises:
            PreconditionFailed: it exists with other properties.
        """
        await self._call(
            f"declaring exchange {name!r}",
            self._raw.exchange_declare,
            exchange=name,
            exchange_type=exchange_type,
            durable=durable,
            auto_delete=auto_delete,
            internal=internal,
            arguments=as_table(arguments),
        )

    async def check_exchange(self, name: str) -> None:
        """Check that an exchange exists; this takes no permission on it.

        Raises:
            NotFound: it does not exist; the channel is closed.
        """
        await self._call(f"looking for exchange {name!r}", self._raw.exchange_declare, exchange=name, passive=True)

    async def declare_queue(
        self,
        name: str,
        *,
        durable: bool = True,
        auto_delete: bool = False,
        arguments: Mapping[str, FieldValue] | None = None,
    ) -> None:
        """Declare a queue.

        Raises:
            PreconditionFailed: it exists with other properties.
        """
        await self._call(
            f"declaring queue {name!r}",
            self._raw.queue_declare,
            queue=name,
            durable=durable,
            auto_delete=auto_delete,
            arguments=as_table(arguments),
        )

    async def bind_queue(
        self, source: str, queue: str, routing_key: str, arguments: Mapping[str, FieldValue] | None = None
    ) -> None:
        """Bind a queue to an exchange.

        Raises:
            NotFound: one of them does not exist.
        """
        await self._call(
            f"binding {source!r} to queue {queue!r}",
            self._raw.queue_bind,
            queue=queue,
            exchange=source,
            routing_key=routing_key,
            arguments=as_table(arguments),
        )

    async def bind_exchange(
        self,
        source: str,
        destination: str,
        routing_key: str,
        arguments: Mapping[str, FieldValue] | None = None,
    ) -> None:
        """Bind an exchange to another one (a RabbitMQ extension).

        Raises:
            NotFound: one of them does not exist.
        """
        await self._call(
            f"binding {source!r} to exchange {destination!r}",
            self._raw.exchange_bind,
            destination=destination,
            source=source,
            routing_key=routing_key,
            arguments=as_table(arguments),
        )

    # -- publishing --

    async def select_confirms(
        self, on_confirm: Callable[[int, bool, bool], None], on_returned: Callable[[Returned], None]
    ) -> None:
        """Put the channel into confirm mode.

        `on_confirm(tag, multiple, accepted)` is called for each ack and nack, `on_returned` before the
        ack of a mandatory message that no queue took.
        """

        def confirmed(frame: Any) -> None:
            method = frame.method
            on_confirm(method.delivery_tag, method.multiple, isinstance(method, pika.spec.Basic.Ack))

        def returned(_raw: object, method: Any, properties: Any, body: bytes) -> None:
            message = as_message(method, properties, body)
            on_returned(Returned(message=message, reply_code=method.reply_code, reply_text=method.reply_text))

        self._raw.add_on_return_callback(returned)
        await self._call("asking for confirms", self._raw.confirm_delivery, confirmed)

    def publish(self, message: Message, *, mandatory: bool = True) -> None:
        """Write a message to the connection's buffer; it has not been sent, let alone confirmed, by then.

        Raises:
            InputError: AMQP cannot carry the message; the text names the field.
            BrokerUnavailable: the channel is closed.
        """
        if message.headers or message.expiration is not None or not isinstance(message.body, bytes):
            # pika would send any text as expiration, for which the broker closes the channel, would take for
            # ever to encode some decimals, and would encode a text body, which then comes back as bytes.
            check_message(message)
        try:
            self._raw.basic_publish(
                message.exchange, message.routing_key, message.body, as_properties(message), mandatory
            )
        except pika.exceptions.AMQPError as error:
            if isinstance(error, _ENCODING_ERRORS):
                raise _unfit(message, error) from error
            raise self._lost("publishing", error) from error
        except _ENCODING_ERRORS as error:
            raise _unfit(message, error) from error

    # -- consuming --

    async def consume(
        self,
        queue: str,
        on_delivery: Callable[[Delivery], None],
        on_cancelled: Callable[[], None],
        *,
        prefetch: int,
    ) -> str:
        """Start a consumer and return its tag.

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
            f"consuming from queue {queue!r}", self._raw.basic_consume, queue, on_message_callback=delivered
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

    def requeue(self, delivery_tag: int) -> None:
        """Give one delivery back to its queue.

        With `basic.nack`, never `basic.reject`, which RabbitMQ 4.3 counts towards a quorum queue's
        delivery limit (RabbitMQ quorum queue guide, "When is delivery count incremented?").
        """
        if self._raw.is_open:
            self._raw.basic_nack(delivery_tag, requeue=True)

    # -- inside --

    def _expect(self, doing: str) -> asyncio.Future[Any]:
        reply = self._loop.create_future()
        self._replies[reply] = doing
        reply.add_done_callback(lambda done: self._replies.pop(done, None))
        return reply

    async def _call(self, doing: str, method: Callable[..., Any], *args: Any, **arguments: Any) -> Any:
        reply = self._expect(doing)
        try:
            method(*args, **arguments, callback=lambda frame: _resolve(reply, frame.method))
        except _ENCODING_ERRORS as error:
            reply.cancel()
            raise InputError(f"{doing}: the AMQP library cannot encode {error.args[-1]!r}") from error
        except pika.exceptions.AMQPError as error:
            reply.cancel()
            raise self._lost(doing, error) from error
        return await reply

    def _lost(self, doing: str, error: BaseException) -> AmqptoolError:
        return self.closed.result() if self.closed.done() else translate(error, doing)

    def _on_closed(self, _raw: object, error: BaseException) -> None:
        for reply, doing in list(self._replies.items()):
            if not reply.done():
                reply.set_exception(translate(error, doing))
        if not self.closed.done():
            self.closed.set_result(translate(error, self._url.address))


def _resolve(reply: asyncio.Future[Any], value: object) -> None:
    if not reply.done():
        reply.set_result(value)


def _unfit(message: Message, error: Exception) -> InputError:
    check_message(message)
    return InputError(f"the message cannot be encoded for AMQP: {error}")
