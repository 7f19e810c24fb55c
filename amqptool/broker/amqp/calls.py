"""Requests on a channel whose replies are awaited, and its one end."""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING, Any, Self

import pika

from amqptool.broker.amqp.rights import naming_the_right
from amqptool.broker.amqp.translate import translate
from amqptool.errors import AccessRefused, AmqptoolError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pika.adapters.asyncio_connection import AsyncioConnection

    from amqptool.broker.amqp.frames import TakeFrame
    from amqptool.broker.amqp.rights import Rights
    from amqptool.settings.url import AmqpUrl

#: What pika raises while encoding a value that AMQP cannot carry, or that is nested too deeply for the stack.
ENCODING_ERRORS = (
    struct.error,
    AssertionError,
    AttributeError,
    TypeError,
    ValueError,
    OverflowError,
    RecursionError,
    pika.exceptions.ShortStringTooLong,
    pika.exceptions.UnsupportedAMQPFieldException,
)


class Calls:
    """One channel as something that answers; after an error it is closed for good, as AMQP has it."""

    def __init__(self, url: AmqpUrl) -> None:
        self._url = url
        self._loop = asyncio.get_running_loop()
        #: Set to the reason once the channel is gone, with or without its connection.
        self.closed: asyncio.Future[AmqptoolError] = self._loop.create_future()
        self._replies: dict[asyncio.Future[Any], str] = {}
        self._raw: Any

    @classmethod
    async def open(cls, connection: AsyncioConnection, url: AmqpUrl) -> Self:
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

    async def close(self) -> None:
        """Close the channel, and wait for the broker's answer or the end of the connection."""
        if self.is_open:
            self._raw.close()
        await asyncio.shield(self.closed)

    def _expect(self, doing: str) -> asyncio.Future[Any]:
        reply = self._loop.create_future()
        self._replies[reply] = doing
        reply.add_done_callback(lambda done: self._replies.pop(done, None))
        return reply

    async def _call(self, doing: str, method: Callable[..., Any], *args: Any, **arguments: Any) -> Any:
        reply = self._expect(doing)
        try:
            method(*args, **arguments, callback=lambda frame: _resolve(reply, frame.method))
        except ENCODING_ERRORS as error:
            reply.cancel()
            raise InputError(f"{doing}: the AMQP library cannot encode {error.args[-1]!r}") from error
        except pika.exceptions.AMQPError as error:
            reply.cancel()
            raise self._lost(doing, error) from error
        return await reply

    async def _ask(self, doing: str, method: Callable[..., Any], rights: Rights, *args: Any, **arguments: Any) -> Any:
        """Make a call that takes rights, by the resource on which it takes each."""
        try:
            return await self._call(doing, method, *args, **arguments)
        except AccessRefused as error:
            raise naming_the_right(error, doing, rights) from error

    def _hear(self, listener: TakeFrame) -> None:
        """Show each of the channel's frames to a listener before pika; see `RawConnection.hear`."""
        leave = self._raw.connection.hear(self._raw.channel_number, listener)
        self.closed.add_done_callback(lambda _: leave())

    def _lost(self, doing: str, error: BaseException) -> AmqptoolError:
        return self.closed.result() if self.closed.done() else translate(error, doing)

    def _on_closed(self, _raw: object, error: BaseException) -> None:
        for reply, doing in list(self._replies.items()):
            if not reply.done():
                reply.set_exception(translate(error, doing))
        if not self.closed.done():
            reason = translate(error, self._url.address)
            if isinstance(reason, AccessRefused):  # unasked, as only publishing is refused
                reason = naming_the_right(reason, self._url.address, {}, otherwise="write")
            self.closed.set_result(reason)


def _resolve(reply: asyncio.Future[Any], value: object) -> None:
    if not reply.done():
        reply.set_result(value)
