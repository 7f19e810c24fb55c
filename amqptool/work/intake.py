"""One consumer on one channel: what comes in, and whether it still can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.errors import BrokerUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.broker.amqp import Channel
    from amqptool.message import Delivery
    from amqptool.work.pipeline import Pipeline


class Intake:
    """Feeds a pipeline from a queue, up to a quota, and keeps aside what comes after that."""

    def __init__(
        self,
        channel: Channel,
        pipeline: Pipeline,
        scope: str,
        quota: Callable[[], int | None],
        on_change: Callable[[], None],
    ) -> None:
        self.channel = channel
        self._pipeline = pipeline
        self._scope = scope
        self._quota = quota
        self._on_change = on_change
        self._extra: list[Delivery] = []
        self._tag = ""
        self._closing = False
        self._cancelled = False

    @property
    def is_full(self) -> bool:
        """Whether as many messages are in hand as may still be taken in."""
        quota = self._quota()
        return quota is not None and self._pipeline.in_hand >= quota

    async def open(self, queue: str, prefetch: int) -> None:
        """Start the consumer, also once more; see `Channel.consume` for the errors."""
        self._closing = False
        self.channel.closed.add_done_callback(lambda _: self._on_change())
        self._tag = await self.channel.consume(queue, self._on_delivery, self._on_cancelled, prefetch=prefetch)

    async def close(self) -> None:
        """End the consumer; no delivery comes after this returns."""
        self._closing = True
        await self.channel.cancel(self._tag)

    def check(self) -> None:
        """Check that deliveries can come and acks can go.

        Raises:
            BrokerError: the channel was closed, or the broker cancelled the consumer.
        """
        if self.channel.closed.done():
            raise self.channel.closed.result()
        if self._cancelled:
            raise BrokerUnavailable("the broker cancelled the consumer: was its queue deleted?")

    def give_back(self) -> None:
        """Return what was kept aside to its queue; to be called once the consumer has ended.

        Earlier, the broker would hand it to this very consumer again.
        """
        for delivery in self._extra:
            self.channel.requeue(delivery.delivery_tag)
        self._extra.clear()

    def _on_delivery(self, delivery: Delivery) -> None:
        if self._closing or self.is_full:
            self._extra.append(delivery)
            return
        self._pipeline.accept(delivery, self.channel, self._scope)
        if self._quota() is not None:
            self._on_change()

    def _on_cancelled(self) -> None:
        self._cancelled = True
        self._on_change()
