"""What a worker under test does with a message."""

from __future__ import annotations

from amqptool import CodecError, Delivery, Reject


def decode(delivery: Delivery) -> None:
    """Decode the body, and reject what is none."""
    try:
        delivery.decode()
    except CodecError as error:
        raise Reject(str(error)) from error
