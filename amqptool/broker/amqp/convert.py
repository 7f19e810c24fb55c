"""Messages and properties, ours and pika's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.message import Message

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pika

    from amqptool.message import FieldValue


def as_table(arguments: Mapping[str, FieldValue] | None) -> dict[str, FieldValue] | None:
    """Return arguments as pika takes them."""
    return dict(arguments) if arguments else None


def as_message(exchange: str, routing_key: str, properties: pika.BasicProperties, body: bytes) -> Message:
    """Return the message of a delivery or a return."""
    return Message(
        body=body,
        exchange=exchange,
        routing_key=routing_key,
        message_id=properties.message_id,
        persistent=properties.delivery_mode == 2,
        headers=properties.headers or {},
        content_type=properties.content_type,
        content_encoding=properties.content_encoding,
        correlation_id=properties.correlation_id,
        reply_to=properties.reply_to,
        expiration=properties.expiration,
        priority=properties.priority,
        timestamp=properties.timestamp,
        type=properties.type,
        user_id=properties.user_id,
        app_id=properties.app_id,
    )
