"""What a copy of a message keeps, and what is set aside in headers of ours."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amqptool.message import Delivery, Message

#: The exchange to which the message was published; the copy comes from another.
EXCHANGE = "amqptool-exchange"
#: Who published it. The broker closes the channel of whoever publishes as somebody else.
USER_ID = "amqptool-user-id"
#: How often a quorum queue has handed the message out: its own note, not the publisher's.
_DELIVERY_COUNT = "x-delivery-count"


def copy_of(delivery: Delivery, *, via: str, username: str, from_quorum: bool) -> Message:
    """Return the message to publish through the exchange `via`, as `username`; empty: whoever a certificate names.

    `CC` stays: it means nothing to a fanout exchange, and something to a dead-letter exchange later.
    """
    message = delivery.message
    headers = dict(message.headers)
    if message.exchange != via:
        headers[EXCHANGE] = message.exchange
    if from_quorum:
        headers.pop(_DELIVERY_COUNT, None)
    user_id = message.user_id
    if user_id is not None and user_id != username:
        headers[USER_ID], user_id = user_id, None
    return replace(message, exchange=via, headers=headers, user_id=user_id)
