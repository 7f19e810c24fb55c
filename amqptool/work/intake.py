"""One consumer on one channel: what comes in, and whether it still can."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from amqptool.errors import BrokerUnavailable
from amqptool.units import size
from amqptool.work.prefetch import Prefetch

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.broker.amqp import Channel
    from amqptool.message import Delivery
    from amqptool.work.pipeline import Pipeline
    from amqptool.work.report import WorkReport

log = logging.getLogger(__name__)


class Intake:
    """Feeds a pipeline from a queue, up to a quota and a number of bytes, and gives back what comes after that.

    When the prefetch does not fit the size of what comes (`is_misfit`), the consumer is to be ended, and opened again
    after `refit`. So it is when its prefetch is full of messages that stay un-acked (`is_clogged`): what an ended
    consumer has brought does not count for the next one's.
    """

    def __init__(
        self,
        channel: Channel,
        queue: str,
        pipeline: Pipeline,
        scope: str,
        report: WorkReport,
        *,
        prefetch: int,
        prefetch_bytes: int,
        quota: Callable[[], int | None],
        on_redelivered: Callable[[Delivery], None],
        on_change: Callable[[], None],
    ) -> None:
        self.channel = channel
        self._queue = queue
        self._pipeline = pipeline
        self._scope = scope
        self._report = report
        self._prefetch = Prefetch(prefetch, prefetch_bytes)
        self._quota = quota
        self._on_redelivered = on_redelivered
        self._on_change = on_change
        self._extra: list[int] = []
        # How many messages had been given up when the consumer was opened, and how many undecodable ones came since.
        self._given_up = 0
        self._undecodable = 0
        self._tag = ""
        self._closing = False
        self._cancelled = False
        self._bug: Exception | None = None
        channel.closed.add_done_callback(lambda _: on_change())

    @property
    def is_full(self) -> bool:
        """Whether as many messages are in hand as may still be taken in."""
        quota = self._quota()
        return quota is not None and len(self._pipeline.hand.items) >= quota

    @property
    def has_room(self) -> bool:
        """Whether so much was worked off that messages of this size fit in again."""
        return self._pipeline.hand.bytes <= self._prefetch.half

    @property
    def is_misfit(self) -> bool:
        """Whether messages have turned out to be of another size than the prefetch is for."""
        return self._prefetch.is_to_change

    @property
    def is_clogged(self) -> bool:
        """Whether nothing more can come, since as much is kept for good as the consumer may have brought."""
        return self._pipeline.hand.given_up - self._given_up + self._undecodable >= self._prefetch.messages

    async def open(self) -> None:
        """Start the consumer, also once more; see `Channel.consume` for the errors."""
        self._closing = False
        self._given_up, self._undecodable = self._pipeline.hand.given_up, 0
        self._tag = await self.channel.consume(
            self._queue,
            self._on_delivery,
            self._on_cancelled,
            prefetch=self._prefetch.messages,
            on_undecodable=self._on_undecodable,
        )

    async def close(self) -> None:
        """End the consumer; no delivery comes after this returns."""
        self._closing = True
        await self.channel.cancel(self._tag)

    def refit(self) -> None:
        """Give the next consumer a prefetch that fits."""
        self._prefetch.change()
        log.info(
            "queue %r: %s in hand; a prefetch of %d from now on",
            self._queue,
            size(self._pipeline.hand.bytes),
            self._prefetch.messages,
        )

    def check(self) -> None:
        """Check that deliveries can come and acks can go.

        Raises:
            BrokerError: the channel was closed, or the broker cancelled the consumer.
            Exception: a delivery could not be taken in, which is a bug.
        """
        if self._bug is not None:
            raise self._bug
        if self.channel.closed.done():
            raise self.channel.closed.result()
        if self._cancelled:
            raise BrokerUnavailable("the broker cancelled the consumer: was its queue deleted?")

    def give_back(self) -> None:
        """Return to the queue what came too late; to be called once the consumer has ended.

        Earlier, the broker would hand it to this very consumer again.
        """
        self.channel.requeue(*self._extra)
        self._extra.clear()

    def _on_delivery(self, delivery: Delivery) -> None:
        if delivery.redelivered:
            self._on_redelivered(delivery)
        if self._closing or self.is_misfit or self.is_full:
            self._extra.append(delivery.delivery_tag)
            return
        try:
            self._pipeline.accept(delivery, self.channel, self._scope)
        except Exception as error:  # which would look like a lost connection, again and again
            self._bug = error
            self._on_change()
        self._prefetch.note(len(delivery.body), self._pipeline.hand.bytes)
        if self.is_misfit or self._quota() is not None:
            self._on_change()

    def _on_undecodable(self, tag: int, error: Exception) -> None:
        # Un-acked until the channel closes: nobody can tell what it is, so it is neither lost nor met again and again.
        self._report.undecodable += 1
        self._undecodable += 1
        self._on_change()
        log.error(
            "queue %r: a message whose headers cannot be decoded is kept un-acked (%d): %r", self._queue, tag, error
        )

    def _on_cancelled(self) -> None:
        self._cancelled = True
        self._on_change()
