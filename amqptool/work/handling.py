"""Having handled what is ready: as much at a time as may be, or one delivery with nothing beside it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from amqptool.handlers.interface import Interrupted
from amqptool.work.copies import copied, original_of
from amqptool.work.crews import crew_of
from amqptool.work.tasks import END_TIMEOUT, Tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.handlers.interface import Handler
    from amqptool.handlers.python import BlockingHandler
    from amqptool.message import Delivery
    from amqptool.work.acknowledging import Acknowledging
    from amqptool.work.claims import Claims
    from amqptool.work.crews import OnEnded
    from amqptool.work.hand import Hand
    from amqptool.work.item import Item
    from amqptool.work.ladder import Ladder
    from amqptool.work.transactions import InTransaction


class Handling:
    """Gives a crew what is ready, and takes back what it has not begun.

    `ack_first` acknowledges each delivery before. An attempt that is made alone is counted before; of what has none
    left on the `ladder`, `on_used_up` is told instead. `on_ended` is told how handlers ended.
    """

    def __init__(
        self,
        handler: Handler | BlockingHandler | InTransaction,
        hand: Hand,
        claims: Claims,
        acks: Acknowledging,
        ladder: Ladder | None,
        *,
        concurrency: int,
        ack_first: bool,
        on_ended: OnEnded,
        on_used_up: Callable[[Item, Exception], None],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._hand = hand
        self._claims = claims
        self._acks = acks
        self._ladder = ladder
        self._ack_first = ack_first
        self._on_used_up = on_used_up
        self._crew = crew_of(handler, concurrency, on_ended, self._give_up)
        self._counting = Tasks(on_failure)

    def line_up(self, item: Item) -> None:
        """Have a delivery handled when its turn comes."""
        item.original = _original_of(item, is_copied=self._ladder is not None)
        self._hand.line_up(item)

    def give_out(self) -> None:
        """Give the crew what is ready, unless too many wait for their DONE."""
        given = self._hand.give_out()
        if self._ack_first:
            given = self._acks.acknowledge_first(given)
        self._crew.add([item for item in given if not item.is_alone])
        for item in given:
            if item.is_alone:
                self._counting.start(self._count_and_give(item))

    def take_back(self) -> None:
        """Take back what the crew has not begun; what is acknowledged already stays with it."""
        if not self._ack_first:
            self._hand.put_back(self._crew.take_back())

    async def end(self) -> None:
        """Cancel what can be cancelled, and give up the claims of that."""
        self._counting.cancel()
        await self._crew.end(END_TIMEOUT)
        await self._counting.end()

    async def _count_and_give(self, item: Item) -> None:
        attempt = item.original.attempt
        if self._ladder is not None and self._ladder.is_used_up(attempt):
            self._on_used_up(item, Interrupted(f"the process died in each of {attempt - 1} attempts"))
            return
        try:
            await self._claims.count_attempt(item)
        except asyncio.CancelledError:  # it may be counted, and will not be made
            self._give_up(item)
            raise
        self._crew.add([item])

    def _give_up(self, item: Item) -> None:
        self._claims.let_go(item, failed=False)


def _original_of(item: Item, *, is_copied: bool) -> Delivery:
    """Return the delivery as its publisher sent it, with the attempt at it that this is.

    If a copy may be made of it, the handler gets headers of its own, with which it may do what it likes.
    """
    message, told = original_of(item.delivery.message, item.delivery.queue)
    if is_copied and message.headers:
        message = replace(message, headers=copied(message.headers))
    attempt = max(told, item.claim.attempt) if item.claim else told + item.failures
    if message is item.delivery.message and attempt == 1:
        return item.delivery
    return replace(item.delivery, message=message, attempt=attempt)
