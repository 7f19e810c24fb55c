"""Deliveries that wait in no handler's way: for another attempt, for another worker, or for the worker's end."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from amqptool.work.claims import Claims
    from amqptool.work.hand import Hand
    from amqptool.work.item import Item
    from amqptool.work.report import WorkReport

log = logging.getLogger(__name__)


class Holding:
    """Holds deliveries un-acked until they go on, which is when `on_due` is called, or go back to their queue.

    With `try_once`, what has failed is held until it is given back. `on_change` is called whenever a delivery was set
    aside or has left.
    """

    def __init__(
        self,
        hand: Hand,
        claims: Claims,
        report: WorkReport,
        *,
        try_once: bool,
        on_due: Callable[[Item], None],
        on_change: Callable[[], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._hand = hand
        self._claims = claims
        self._report = report
        self._try_once = try_once
        self._on_due = on_due
        self._on_change = on_change
        self._gives_all_back = False

    def hold(self, item: Item, seconds: float) -> None:
        """Hold a delivery for so many seconds, if there is still something to wait for, and time to."""
        self._hand.running.discard(item)
        if not item.channel.is_open:
            self.withdraw(item)
        elif self._gives_all_back:
            self._give_back([item])
        elif item.has_failed and self._try_once:
            self._hand.give_up(item)
        elif item.is_old:
            self._requeue([item])
        else:
            item.timer = self._loop.call_later(seconds, self._on_due, item)
        self._on_change()

    def look_again(self, item: Item, seconds: float) -> None:
        """Hold a delivery until it can be told whether it is done: by a claim, so it must have none of ours."""
        item.looks += 1
        self._claims.let_go(item, failed=False)
        self.hold(item, seconds)

    def give_all_back(self) -> None:
        """Give back all that is not being handled, and from now on all that would be held."""
        self._gives_all_back = True
        self._give_back(self._hand.waiting())

    def find_old(self, age: float) -> list[Item]:
        """Return what has been in hand for so many seconds, each only once."""
        latest = self._loop.time() - age
        return [item for item in self._hand.items if item.since <= latest and not item.is_old]

    def give_back_old(self, items: Collection[Item], age: float) -> None:
        """Give back those of some old deliveries that wait, and warn of those that are being handled."""
        for item in items:
            item.is_old = True
            if item in self._hand.running or item.given_up:
                log.warning("message %s: worked on for over %.0f s", item.delivery.message_id, age, extra=item.about)
            else:
                log.info(
                    "message %s: given back, having waited for %.0f s", item.delivery.message_id, age, extra=item.about
                )
                self._requeue([item])

    def withdraw(self, item: Item) -> None:
        """Let go of a delivery that the broker delivers again."""
        if item not in self._hand.items:
            return
        self._hand.leave(item)
        if item.timer is not None:
            item.timer.cancel()
        self._claims.let_go(item, failed=item.copy is not None)
        self._on_change()

    def _give_back(self, items: Collection[Item]) -> None:
        self._report.failed += sum(item.has_failed for item in items)
        self._requeue(items)

    def _requeue(self, items: Collection[Item]) -> None:
        for channel in {item.channel for item in items}:
            channel.requeue(*(item.delivery.delivery_tag for item in items if item.channel is channel))
        self._report.returned += len(items)
        for item in items:
            self.withdraw(item)
