"""What goes in (`Message`), what comes out (`Delivery`), and what comes back (`Returned`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID, uuid4

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal

#: A value in a header table (AMQP 0-9-1 section 4.2.5.5).
FieldValue: TypeAlias = (
    "bool | int | float | str | bytes | Decimal | datetime | None | list[FieldValue] | dict[str, FieldValue]"
)

_NO_HEADERS: Mapping[str, FieldValue] = MappingProxyType({})


def new_message_id() -> str:
    """Make a random UUID in its canonical form."""
    return str(uuid4())


def normalize_message_id(message_id: str | None) -> str | None:
    """Return the canonical form of a UUID, or None for anything else.

    Upper case, braces, `urn:uuid:` and missing dashes all mean the same id. The nil UUID means no id.
    """
    try:
        parsed = UUID(message_id)
    except (TypeError, ValueError, AttributeError):
        return None
    return str(parsed) if parsed.int else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message to publish, or the message inside a delivery.

    The `message_id` is made once, here, so that every retry of the same object carries the same id and
    a consumer can tell a repetition from a new message. `None` sends no id.
    """

    body: bytes
    exchange: str = ""
    routing_key: str = ""
    message_id: str | None = field(default_factory=new_message_id)
    #: Survive a broker restart (delivery mode 2).
    persistent: bool = True
    headers: Mapping[str, FieldValue] = _NO_HEADERS
    content_type: str | None = None
    content_encoding: str | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    #: Milliseconds as a string, as AMQP has it (RabbitMQ: "Time-To-Live", per-message TTL).
    expiration: str | None = None
    #: 0 to 255; the queue's `x-max-priority` decides what counts.
    priority: int | None = None
    #: Seconds since the epoch.
    timestamp: int | None = None
    type: str | None = None
    user_id: str | None = None
    app_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message as a queue handed it out."""

    message: Message
    queue: str
    #: Valid on the channel that delivered it, and only there.
    delivery_tag: int
    #: The broker has handed this copy out before. A hint, never proof of a duplicate.
    redelivered: bool
    #: Which attempt at handling this message this is, from 1.
    attempt: int = 1

    @property
    def body(self) -> bytes:
        """The message's body."""
        return self.message.body

    @property
    def message_id(self) -> str | None:
        """The message's id as its publisher wrote it."""
        return self.message.message_id

    @property
    def exchange(self) -> str:
        """The exchange the message was published to."""
        return self.message.exchange

    @property
    def routing_key(self) -> str:
        """The key the message was published with."""
        return self.message.routing_key

    @property
    def headers(self) -> Mapping[str, FieldValue]:
        """The message's headers."""
        return self.message.headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """A message that the broker sent back because it could not route it."""

    message: Message
    reply_code: int
    reply_text: str
