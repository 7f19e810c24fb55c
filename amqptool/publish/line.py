"""Senders whose messages cannot go at once: first come, first served."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING

from amqptool.publish.terms import BURST

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from amqptool.message import Message
    from amqptool.publish.engine import Ticket


class Line:
    """Only the first in line waits for what is missing; who leaves writes for those behind as far as that goes.

    `write` returns False when it cannot write now, and `prepare` then waits for what is missing.
    """

    def __init__(self, write: Callable[[Message, Ticket], bool], prepare: Callable[[Message], Awaitable[None]]) -> None:
        self._write = write
        self._prepare = prepare
        # Each turn tells its sender whether somebody else has written his message, or he is the first now.
        self._waiting: OrderedDict[asyncio.Future[bool], tuple[Message, Ticket]] = OrderedDict()

    @property
    def is_empty(self) -> bool:
        """Whether nobody would be overtaken."""
        return not self._waiting

    async def wait(self, message: Message, ticket: Ticket) -> None:
        """Join the line, and leave it once the message is written; see `write` and `prepare` for the errors."""
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[turn] = message, ticket
        try:
            if self._is_first(turn) or not await turn:
                while not self._write(message, ticket):
                    await self._prepare(message)
        finally:
            was_first = self._is_first(turn)
            self._waiting.pop(turn, None)
            if was_first:
                self._hand_over()

    def _is_first(self, turn: asyncio.Future[bool]) -> bool:
        return next(iter(self._waiting), None) is turn

    def _hand_over(self) -> None:
        # Each woken for his own, a line would never get shorter that is joined as fast as it is left.
        written = 0
        while self._waiting:
            turn, (message, ticket) = next(iter(self._waiting.items()))
            if not turn.cancelled():
                if written == BURST or not self._could_write(message, ticket):
                    turn.set_result(False)
                    return
                turn.set_result(True)
                written += 1
            del self._waiting[turn]

    def _could_write(self, message: Message, ticket: Ticket) -> bool:
        try:
            return self._write(message, ticket)
        except Exception:  # its sender will be told when he tries
            return False
