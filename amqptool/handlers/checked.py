"""Handlers that are called only for bodies that fit their schemas."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from amqptool.errors import ConfigError
from amqptool.handlers.interface import Handler, Reject
from amqptool.handlers.python import BlockingHandler
from amqptool.handlers.wrapping import WrappingBlockingHandler, WrappingHandler

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from amqptool.message import Delivery, Message
    from amqptool.topology.bodies.checker import BodyChecker
    from amqptool.topology.model import Topology

#: Bytes of a body that is checked in a thread: a check of more would stop the loop, and with it heartbeats.
_LARGE = 16 * 1024


def checked(handler: Handler | BlockingHandler, checker: BodyChecker) -> Handler | BlockingHandler:
    """Make a handler that rejects a delivery whose body does not fit, and otherwise is the other one."""
    if isinstance(handler, BlockingHandler):
        return CheckedBlockingHandler(handler, checker)
    return CheckedHandler(handler, checker)


def checking(handler: Handler | BlockingHandler, topology: Topology, vhost: str) -> Handler | BlockingHandler:
    """Make a handler of what goes by the topology's schemas for a vhost.

    Raises:
        TopologyError: a schema is invalid or cannot be read.
        ConfigError: the library that this takes is not installed.
    """
    from amqptool.topology.bodies.checker import BodyChecker

    return checked(handler, BodyChecker(topology, vhost))


class CheckedBlockingHandler(WrappingBlockingHandler):
    """Checks each body, in the thread of its call."""

    def __init__(self, handler: BlockingHandler, checker: BodyChecker) -> None:
        super().__init__(handler)
        self._checker = checker

    def call(self, *arguments: Any) -> Awaitable[object] | Exception | None:
        """Call the function if the delivery, which is the first argument, has a body that fits."""
        try:
            flaw = self._checker.flaw(arguments[0].message)
        except ConfigError as error:
            return error
        return self._handler.call(*arguments) if flaw is None else Reject(flaw)


class CheckedHandler(WrappingHandler):
    """Checks each body before the handler is called."""

    def __init__(self, handler: Handler, checker: BodyChecker) -> None:
        super().__init__(handler)
        self._checker = checker

    async def handle(self, delivery: Delivery) -> None:
        """Handle a delivery whose body fits."""
        if flaw := await self._flaw(delivery.message):
            raise Reject(flaw)
        await self._handler.handle(delivery)

    async def _flaw(self, message: Message) -> str | None:
        if _may_take_long(message):
            return await asyncio.to_thread(self._checker.flaw, message)
        return self._checker.flaw(message)


def _may_take_long(message: Message) -> bool:
    return len(message.body) > _LARGE or message.content_encoding is not None  # of what size, only decoding tells
