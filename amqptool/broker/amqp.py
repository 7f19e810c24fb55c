"""The seam to the broker: the only file that speaks pika's language.

One `Connection` and its `Channel`s live on one running asyncio loop. Replies are awaited; deliveries,
confirms and returns come through callbacks, which run on the loop and must not block.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import struct
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pika
from pika.adapters.asyncio_connection import AsyncioConnection

from amqptool import __version__
from amqptool.broker.translate import translate
from amqptool.errors import AmqptoolError, BrokerUnavailable, InputError
from amqptool.message import Delivery, Message, Returned, check_message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from amqptool.message import FieldValue
    from amqptool.settings.url import AmqpUrl

# pika logs what it also raises, with tracebacks and the bodies of returned messages. Whoever wants that
# configures a handler; without one, Python would print it on stderr.
logging.getLogger("pika").addHandler(logging.NullHandler())

#: Seconds; RabbitMQ's guide recommends 5 to 20. A dead peer is noticed within 2 x (heartbeat + 5) seconds.
HEARTBEAT = 10
#: Seconds for TCP, TLS and the AMQP handshake together.
CONNECT_TIMEOUT = 15.0
#: Seconds for the closing handshake; a broker under an alarm may never answer it (pika issue 764).
CLOSE_TIMEOUT = 5.0

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


class Connection:
    """One AMQP connection on the running event loop."""

    def __init__(self, url: AmqpUrl, raw: AsyncioConnection) -> None:
        self.url = url
        self._raw = raw
        #: Set to the reason once the connection is gone, however it went.
        self.closed: asyncio.Future[AmqptoolError] = asyncio.get_running_loop().create_future()
        #: Called with the broker's reason when an alarm blocks publishing, and with None when it is over.
        self.on_blocked: Callable[[str | None], None] = _ignore
        raw.add_on_close_callback(self._on_closed)
        raw.add_on_connection_blocked_callback(self._on_blocked)
        raw.add_on_connection_unblocked_callback(self._on_unblocked)

    @classmethod
    async def open(
        cls,
        url: AmqpUrl,
        *,
        name: str = "amqptool",
        heartbeat: int = HEARTBEAT,
        timeout: float = CONNECT_TIMEOUT,
    ) -> Connection:
        """Connect, log in and open the vhost.

        `name` is what the broker's management shows; `heartbeat` and `timeout` are seconds.

        Raises:
            BrokerUnavailable: there is no broker, or it did not answer in time.
            AccessRefused: the broker refused the credentials or the vhost.
            ConfigError: TLS failed.
        """
        result = await _open_raw(_parameters(url, name, heartbeat, timeout))
        if isinstance(result, AsyncioConnection):
            return cls(url, result)
        raise translate(result, f"cannot connect to {url.address} as {url.username}")

    @property
    def is_open(self) -> bool:
        """Whether the connection can be used."""
        return bool(self._raw.is_open)

    @property
    def cluster_name(self) -> str:
        """The cluster's name as the broker tells it; the same on all its nodes."""
        properties: Mapping[str, object] = self._raw.server_properties or {}
        return str(properties.get("cluster_name", self.url.host))

    async def channel(self) -> Channel:
        """Open a channel.

        Raises:
            BrokerUnavailable: the connection was lost.
        """
        if not self.is_open:
            raise BrokerUnavailable(f"{self.url.address}: the connection is closed")
        return await Channel.open(self._raw, self.url)

    async def close(self) -> None:
        """Close the connection, waiting a bounded time for the broker's answer."""
        if self._raw.is_open:
            self._raw.close()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await asyncio.shield(self.closed)
        except TimeoutError:
            self._abandon()

    def _abandon(self) -> None:
        if not self._raw.is_closed:
            _hang_up(self._raw)

    def _on_closed(self, _raw: object, error: BaseException) -> None:
        if not self.closed.done():
            self.closed.set_result(translate(error, f"{self.url.address}"))

    def _on_blocked(self, _raw: object, frame: Any) -> None:
        self.on_blocked(str(frame.method.reason))

    def _on_unblocked(self, _raw: object, _frame: object) -> None:
        self.on_blocked(None)


@asynccontextmanager
async def connect(url: AmqpUrl, *, name: str = "amqptool") -> AsyncIterator[Connection]:
    """Open a connection for the length of a block; see `Connection.open` for the errors."""
    connection = await Connection.open(url, name=name)
    try:
        yield connection
    finally:
        await connection.close()


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
            arguments=_table(arguments),
        )

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
            arguments=_table(arguments),
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
            arguments=_table(arguments),
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
            arguments=_table(arguments),
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
            message = _message(method, properties, body)
            on_returned(Returned(message=message, reply_code=method.reply_code, reply_text=method.reply_text))

        self._raw.add_on_return_callback(returned)
        await self._call("asking for confirms", self._raw.confirm_delivery, confirmed)

    def publish(self, message: Message, *, mandatory: bool = True) -> None:
        """Write a message to the connection's buffer; it has not been sent, let alone confirmed, by then.

        Raises:
            InputError: AMQP cannot carry the message; the text names the field.
            BrokerUnavailable: the channel is closed.
        """
        if message.headers or message.expiration is not None:
            # pika would send any text as expiration, for which the broker closes the channel, and would take
            # for ever to encode some decimals.
            check_message(message)
        try:
            self._raw.basic_publish(
                message.exchange, message.routing_key, message.body, _properties(message), mandatory
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
                    message=_message(method, properties, body),
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
        except pika.exceptions.UnsupportedAMQPFieldException as error:
            reply.cancel()
            raise InputError(f"{doing}: the AMQP library cannot encode {error.args[1]!r}") from error
        except pika.exceptions.AMQPError as error:
            reply.cancel()
            raise self._lost(doing, error) from error
        return await reply

    def _lost(self, doing: str, error: BaseException) -> AmqptoolError:
        if self.closed.done():
            return BrokerUnavailable(f"{doing}: {self.closed.result()}")
        return translate(error, doing)

    def _on_closed(self, _raw: object, error: BaseException) -> None:
        for reply, doing in list(self._replies.items()):
            if not reply.done():
                reply.set_exception(translate(error, doing))
        if not self.closed.done():
            self.closed.set_result(translate(error, self._url.address))


async def _open_raw(parameters: pika.ConnectionParameters) -> AsyncioConnection | BaseException:
    """Return a raw connection, or why there is none.

    Cancelled, the attempt goes on until its timeout, and is hung up on if it succeeds: pika 1.4 cannot abort
    a handshake (`AMQPConnector.abort` fails its own assertion).
    """
    loop = asyncio.get_running_loop()
    opened: asyncio.Future[AsyncioConnection | BaseException] = loop.create_future()
    AsyncioConnection.create_connection([parameters], lambda result: _resolve(opened, result), loop)
    try:
        return await asyncio.shield(opened)
    except asyncio.CancelledError:
        opened.add_done_callback(_hang_up_on_arrival)
        raise


def _hang_up_on_arrival(opened: asyncio.Future[AsyncioConnection | BaseException]) -> None:
    if not opened.cancelled() and isinstance(opened.result(), AsyncioConnection):
        _hang_up(opened.result())


def _hang_up(raw: AsyncioConnection) -> None:
    # pika has no public way to drop a connection without the closing handshake.
    raw._terminate_stream(pika.exceptions.ConnectionOpenAborted())


def _ignore(_reason: str | None) -> None:
    """Do nothing."""


def _resolve(reply: asyncio.Future[Any], value: object) -> None:
    if not reply.done():
        reply.set_result(value)


def _parameters(url: AmqpUrl, name: str, heartbeat: int, timeout: float) -> pika.ConnectionParameters:
    # Verification of peer and host name is the default context's; nothing here may weaken it.
    tls = pika.SSLOptions(ssl.create_default_context(), url.host) if url.tls else None
    return pika.ConnectionParameters(
        host=url.host,
        port=url.port,
        virtual_host=url.vhost,
        credentials=pika.PlainCredentials(url.username, url.password),
        heartbeat=heartbeat,
        connection_attempts=1,
        socket_timeout=timeout,
        stack_timeout=timeout,
        ssl_options=tls,
        client_properties={"product": "amqptool", "version": __version__, "connection_name": name},
    )


def _table(arguments: Mapping[str, FieldValue] | None) -> dict[str, FieldValue] | None:
    return dict(arguments) if arguments else None


def _properties(message: Message) -> pika.BasicProperties:
    return pika.BasicProperties(
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        headers=dict(message.headers) or None,
        delivery_mode=2 if message.persistent else 1,
        priority=message.priority,
        correlation_id=message.correlation_id,
        reply_to=message.reply_to,
        expiration=message.expiration,
        message_id=message.message_id,
        timestamp=message.timestamp,
        type=message.type,
        user_id=message.user_id,
        app_id=message.app_id,
    )


def _message(method: Any, properties: pika.BasicProperties, body: bytes) -> Message:
    return Message(
        body=body,
        exchange=_text(method.exchange) or "",
        routing_key=_text(method.routing_key) or "",
        message_id=_text(properties.message_id),
        persistent=properties.delivery_mode == 2,
        headers=properties.headers or {},
        content_type=_text(properties.content_type),
        content_encoding=_text(properties.content_encoding),
        correlation_id=_text(properties.correlation_id),
        reply_to=_text(properties.reply_to),
        expiration=_text(properties.expiration),
        priority=properties.priority,
        timestamp=properties.timestamp,
        type=_text(properties.type),
        user_id=_text(properties.user_id),
        app_id=_text(properties.app_id),
    )


def _text(value: str | bytes | None) -> str | None:
    # pika hands out bytes where a peer sent a short string that is no UTF-8; keep every byte.
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def _unfit(message: Message, error: Exception) -> InputError:
    check_message(message)
    return InputError(f"the message cannot be encoded for AMQP: {error}")
