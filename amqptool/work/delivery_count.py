"""A warning when a quorum queue has delivered a message so often that it may soon let go of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from amqptool.work.crowding import WARNING_INTERVAL

if TYPE_CHECKING:
    from amqptool.message import Delivery

log = logging.getLogger(__name__)

#: Half of the delivery limit that a quorum queue has by default from RabbitMQ 4.0 on.
OFTEN = 10


class DeliveryCount:
    """Warns of messages that came back very often, at most once a minute."""

    def __init__(self) -> None:
        self._next_warning = 0.0

    def look(self, delivery: Delivery, now: float) -> None:
        """Look how often a message that is delivered again was delivered before; `now` is a clock's seconds."""
        count = delivery.headers.get("x-delivery-count")  # the broker's; where it has none, it may be anybody's
        if now < self._next_warning or not isinstance(count, int) or count < OFTEN:
            return
        self._next_warning = now + WARNING_INTERVAL
        log.warning(
            "queue %r: message %s was delivered %d times before; at its delivery limit, 20 by default from RabbitMQ "
            "4.0 on, a quorum queue drops a message, or makes it a dead letter",
            delivery.queue,
            delivery.message_id,
            count,
            extra={"queue": delivery.queue, "message_id": delivery.message_id},
        )
