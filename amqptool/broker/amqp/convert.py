"""Messages and properties, ours and pika's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pika

from amqptool.message import Message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amqptool.message import FieldValue


def as_table(arguments: Mapping[str, FieldValue] | None) -> dict[str, FieldValue] | None:
    """Return arguments as pika takes them."""
    return dict(arguments) if arguments else None


def as_properties(message: Message) -> pika.BasicProperties:
    """Return the properties of a message to publish."""
    return pika.BasicProperties(
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        headers=dict(message.headers) or None,
        delivery_mode=2 if message.persistent else 1,
        priority=message.priority,
        correlation_id=message.correlation_id,
        reply_to=message.reply_to,
        expiration=message.expiration,
        message_id=message.message_id,
        timestamp=message.timestamp,
        type=message.type,
        user_id=message.user_id,
        app_id=message.app_id,
    )


def as_message(method: Any, properties: pika.BasicProperties, body: bytes) -> Message:
    """Return the message of a delivery or a return."""
    return Message(
        body=body,
        exchange=method.exchange,
        routing_key=method.routing_key,
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
