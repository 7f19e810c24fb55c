"""What a channel can do to exchanges, queues and bindings.

Deleting and unbinding what is not there is no error to RabbitMQ. `if-empty` is not enough to tell that a queue is
free: a classic queue with un-acked messages counts as empty then, and for a quorum queue the connection is closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from amqptool.broker.amqp.calls import Calls
from amqptool.broker.amqp.convert import as_table
from amqptool.carried import MAX_SHORT_STRING
from amqptool.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amqptool.broker.amqp.rights import Rights
    from amqptool.message import FieldValue


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """What a queue tells everyone about itself."""

    #: Messages in nobody's hands; those that wait for an ack are not counted.
    ready: int
    consumers: int


class TopologyCalls(Calls):
    """A channel that declares, binds, unbinds, deletes and looks."""

    # -- exchanges --

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
            InputError: no exchange can have this name.
        """
        check_name("exchange", name)
        await self._ask(
            f"declaring exchange {name!r}",
            self._raw.exchange_declare,
            {("exchange", name): "configure", ("exchange", _target(arguments, "alternate-exchange")): "write"},
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
            InputError: no exchange can have this name.
        """
        check_name("exchange", name)
        await self._call(f"looking for exchange {name!r}", self._raw.exchange_declare, exchange=name, passive=True)

    async def delete_exchange(self, name: str, *, if_unused: bool = False) -> None:
        """Delete an exchange with its bindings, if it exists.

        Raises:
            PreconditionFailed: with `if_unused`, it is the source of bindings.
        """
        await self._ask(
            f"deleting exchange {name!r}",
            self._raw.exchange_delete,
            {("exchange", name): "configure"},
            exchange=name,
            if_unused=if_unused,
        )

    # -- queues --

    async def declare_queue(
        self,
        name: str,
        *,
        durable: bool = True,
        exclusive: bool = False,
        auto_delete: bool = False,
        arguments: Mapping[str, FieldValue] | None = None,
    ) -> None:
        """Declare a queue; an `exclusive` one is this connection's alone, and goes with it.

        Raises:
            PreconditionFailed: it exists with other properties.
            AccessRefused: no permission, or another connection has it exclusively (reply code 405).
            InputError: no queue can have this name.
        """
        check_name("queue", name)
        await self._ask(
            f"declaring queue {name!r}",
            self._raw.queue_declare,
            _rights_to_declare(name, arguments),
            queue=name,
            durable=durable,
            exclusive=exclusive,
            auto_delete=auto_delete,
            arguments=as_table(arguments),
        )

    async def check_queue(self, name: str) -> QueueCounts:
        """Return a queue's exact counts; this takes no permission on it.

        Raises:
            NotFound: it does not exist; the channel is closed.
            AccessRefused: another connection has it exclusively; the channel is closed.
            InputError: no queue can have this name.
        """
        check_name("queue", name)
        reply = await self._call(f"looking for queue {name!r}", self._raw.queue_declare, queue=name, passive=True)
        return QueueCounts(ready=reply.message_count, consumers=reply.consumer_count)

    async def delete_queue(self, name: str, *, if_idle: bool = False) -> int:
        """Delete a queue with its messages and bindings, if it exists; return how many messages were ready.

        Raises:
            PreconditionFailed: with `if_idle`, which is for classic queues only, it has ready messages or consumers.
        """
        reply = await self._ask(
            f"deleting queue {name!r}",
            self._raw.queue_delete,
            {("queue", name): "configure"},
            queue=name,
            if_empty=if_idle,
            if_unused=if_idle,
        )
        return int(reply.message_count)

    async def purge_queue(self, name: str) -> int:
        """Delete a queue's ready messages; return how many there were.

        Raises:
            NotFound: it does not exist; the channel is closed.
            BrokerError: it is a stream; the connection is closed.
            InputError: no queue can have this name.
        """
        check_name("queue", name)
        reply = await self._ask(f"purging queue {name!r}", self._raw.queue_purge, {("queue", name): "read"}, queue=name)
        return int(reply.message_count)

    # -- bindings --

    async def bind_queue(
        self, source: str, queue: str, routing_key: str, arguments: Mapping[str, FieldValue] | None = None
    ) -> None:
        """Bind a queue to an exchange.

        Raises:
            NotFound: one of them does not exist.
        """
        await self._ask(
            f"binding {source!r} to queue {queue!r}",
            self._raw.queue_bind,
            {("queue", queue): "write", ("exchange", source): "read"},
            queue=queue,
            exchange=source,
            routing_key=routing_key,
            arguments=as_table(arguments),
        )

    async def unbind_queue(
        self, source: str, queue: str, routing_key: str, arguments: Mapping[str, FieldValue] | None = None
    ) -> None:
        """Remove a binding of a queue, if it exists; key and arguments must be those it was made with."""
        await self._ask(
            f"unbinding {source!r} from queue {queue!r}",
            self._raw.queue_unbind,
            {("queue", queue): "write", ("exchange", source): "read"},
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
        await self._ask(
            f"binding {source!r} to exchange {destination!r}",
            self._raw.exchange_bind,
            {("exchange", destination): "write", ("exchange", source): "read"},
            destination=destination,
            source=source,
            routing_key=routing_key,
            arguments=as_table(arguments),
        )

    async def unbind_exchange(
        self,
        source: str,
        destination: str,
        routing_key: str,
        arguments: Mapping[str, FieldValue] | None = None,
    ) -> None:
        """Remove a binding between exchanges, if it exists; key and arguments must be those it was made with."""
        await self._ask(
            f"unbinding {source!r} from exchange {destination!r}",
            self._raw.exchange_unbind,
            {("exchange", destination): "write", ("exchange", source): "read"},
            destination=destination,
            source=source,
            routing_key=routing_key,
            arguments=as_table(arguments),
        )


def check_name(kind: str, name: str) -> None:
    """Check that RabbitMQ takes a name as it is: it removes line breaks, so that pika waits for ever for the answer.

    Raises:
        InputError: it does not.
    """
    if "\n" in name or "\r" in name:
        raise InputError(f"no {kind} can be called {name!r}: RabbitMQ would remove the line break")
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise InputError(f"no {kind} can be called {name!r}: it is no UTF-8") from None
    if size > MAX_SHORT_STRING:
        raise InputError(
            f"no {kind} can be called {name[:40]!r}…: it has {size:,} bytes, and {MAX_SHORT_STRING} are the most"
        )


def _rights_to_declare(name: str, arguments: Mapping[str, FieldValue] | None) -> Rights:
    if "x-dead-letter-exchange" not in (arguments or {}):
        return {("queue", name): "configure"}
    # Its messages are read and written on behalf of who declares it.
    exchange = _target(arguments, "x-dead-letter-exchange")
    return {("queue", name): "configure or read", ("exchange", exchange): "write"}


def _target(arguments: Mapping[str, FieldValue] | None, name: str) -> str:
    return str((arguments or {}).get(name, "")) or "amq.default"  # as permissions call the default exchange
