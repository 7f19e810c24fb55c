"""What goes in (`Message`), what comes out (`Delivery`), and what comes back (`Returned`)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

from amqptool.uuids import uuid7

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal

    from amqptool.codecs.encodings import Compress
    from amqptool.codecs.interface import Codec, Limits

#: The last second of the year 9999, as far as `datetime` goes.
LAST_SECOND = 253_402_300_799


class FarTimestamp(int):
    """A timestamp after the year 9999, in seconds: what comes of a publisher that counts milliseconds."""

    __slots__ = ()


#: A value in a header table (AMQP 0-9-1 section 4.2.5.5). Bytes are a byte array. Text is a long string, whose bytes
#: that are no UTF-8 stand escaped in it (PEP 383).
FieldValue: TypeAlias = (
    "bool | int | float | str | bytes | Decimal | datetime | list[FieldValue] | dict[str, FieldValue] | None"
)

_CANONICAL = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_NIL = "00000000-0000-0000-0000-000000000000"
_UUID = re.compile(
    r"(?:urn:uuid:)?(\{)?([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})(?(1)\})",
    re.ASCII | re.IGNORECASE,
)


def new_message_id() -> str:
    """Make a UUID in its canonical form, of the time and chance.

    Ids that begin with the time come to lie beside each other in the index of a database, which then writes a small
    part of what random ones cost it (RFC 9562, section 6.13).
    """
    return uuid7()


def normalize_message_id(message_id: str | None) -> str | None:
    """Return the canonical form of a UUID, or None for anything else.

    Upper case, braces, `urn:uuid:` and missing dashes all mean the same id. The nil UUID means no id.
    """
    if _CANONICAL.fullmatch(message_id or "") and message_id != _NIL:
        return message_id
    # UUID() alone also takes "+1…", "0x1…" and other digits than ours: two ids could become one.
    match = _UUID.fullmatch(message_id or "")
    if match is None:
        return None
    parsed = UUID(match[2])
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
    headers: Mapping[str, FieldValue] = field(default_factory=dict)
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

    @classmethod
    def encode(
        cls,
        value: Any,
        *,
        content_type: str | None = None,
        codec: Codec | None = None,
        compress: Compress = "never",
        **fields: Any,
    ) -> Message:
        """Make a message of a value, as JSON unless the content type or a codec says otherwise.

        Dates and times become ISO 8601 text. `fields` are the other fields of a message.

        Raises:
            CodecError: the value cannot be said in this content type.
            ConfigError: the library that this takes is not installed.
        """
        from amqptool import codecs

        encoded = codecs.encode(value, content_type, codec=codec, compress=compress)
        return cls(**encoded._asdict(), **fields)

    def decode(self, *, codec: Codec | None = None, limits: Limits | None = None) -> Any:
        """Return the value of the body, as content encoding and content type (or a codec) say.

        A body of an unknown type, or of none, is bytes.

        Raises:
            CodecError: the body is not what the message says it is, or goes beyond the limits.
            ConfigError: the library that this takes is not installed.
        """
        from amqptool import codecs

        return codecs.decode(self.body, self.content_type, self.content_encoding, codec=codec, limits=limits)


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

    def decode(self, *, codec: Codec | None = None, limits: Limits | None = None) -> Any:
        """Return the value of the message's body; see `Message.decode`."""
        return self.message.decode(codec=codec, limits=limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """A message that the broker sent back because it could not route it."""

    message: Message
    reply_code: int
    reply_text: str


#: The message properties of AMQP (class basic), but for the headers and the delivery mode.
PROPERTIES = (
    "message_id",
    "content_type",
    "content_encoding",
    "correlation_id",
    "reply_to",
    "expiration",
    "priority",
    "timestamp",
    "type",
    "user_id",
    "app_id",
)
