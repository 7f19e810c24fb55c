"""Acknowledging deliveries, and counting what became of them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from amqptool.broker.amqp import Channel
    from amqptool.dedup.interface import Key
    from amqptool.work.hand import Hand
    from amqptool.work.item import Item
    from amqptool.work.report import WorkReport

log = logging.getLogger(__name__)

#: Why a delivery is acknowledged; the report has a count of each.
Acknowledged: TypeAlias = Literal["handled", "duplicates", "retried", "dead"]


class Acknowledging:
    """Acknowledges deliveries with as few acks as can be.

    With `dedup`, those that were handled without an id are counted. With `counts_once`, a message that comes again
    because its ack was lost is not counted again as acknowledged. `on_change` is called when some have left.
    """

    def __init__(
        self, hand: Hand, report: WorkReport, *, dedup: bool, counts_once: bool, on_change: Callable[[], None]
    ) -> None:
        self._hand = hand
        self._report = report
        self._dedup = dedup
        self._counts_once = counts_once
        self._on_change = on_change
        # What was acknowledged in this run, and over which channel, to tell a lost ack from another copy.
        self._acknowledged: dict[Key, Channel] = {}

    def acknowledge(self, items: Sequence[Item], what: Acknowledged) -> None:
        """Acknowledge those of the deliveries that are still in hand."""
        self._hand.running.difference_update(items)
        here = [item for item in items if item in self._hand.items]
        if not here:
            return
        for channel in {item.channel for item in here}:
            channel.ack(*(item.delivery.delivery_tag for item in here if item.channel is channel))
        setattr(self._report, what, getattr(self._report, what) + len(here))
        for item in here:
            self._hand.leave(item)
            if what == "duplicates":
                _tell_duplicate(item)
            elif what == "handled":
                self._report.without_id += self._dedup and item.key is None
            self._count(item)
        self._on_change()

    def acknowledge_first(self, items: Sequence[Item]) -> list[Item]:
        """Let go of messages before they are handled: nothing is done twice, and what fails or crashes is lost.

        Returns those of which the broker can be told; others it delivers again.
        """
        for item in items:
            self._hand.leave(item)
        told = [item for item in items if item.channel.is_open]
        self._hand.running.difference_update(set(items) - set(told))
        for channel in {item.channel for item in told}:
            channel.ack(*(item.delivery.delivery_tag for item in told if item.channel is channel))
            channel.flush()
        for item in told:
            self._count(item)
        return told

    def _count(self, item: Item) -> None:
        """Count an acknowledgement that can reach the broker, and each message only once."""
        if not item.channel.is_open or self._was_lost(item):
            return
        self._report.acknowledged += 1
        if self._counts_once and item.key is not None:
            self._acknowledged[item.key] = item.channel

    def _was_lost(self, item: Item) -> bool:
        """Say whether a delivery comes again because its ack was lost; acks are lost with their channels alone."""
        if item.key is None or not item.delivery.redelivered:
            return False
        before = self._acknowledged.get(item.key)
        return before is not None and not before.is_open


def _tell_duplicate(item: Item) -> None:
    log.info("message %s: duplicate, acknowledged without handling it", item.delivery.message_id, extra=item.about)
