"""Deliveries (AMQP 0-9-1, `basic.deliver`) put together from frames: as pika does, but faster.

pika makes an object of each of the three or more frames of a message, and decodes all its properties anew.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from pika import spec

from amqptool.alike import alike
from amqptool.broker.amqp.convert import as_message
from amqptool.broker.amqp.decoding import decode_short_string, decode_table
from amqptool.broker.amqp.frames import HEADER, OVERHEAD, START

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.message import FieldValue, Message

    _Headers = dict[str, FieldValue]

#: A method's frame up to the consumer tag: type, channel, size, class and method, length of the tag.
_METHOD = struct.Struct(">BHIIB")
#: What follows the consumer tag: delivery tag, and whether it is redelivered.
_TAG = struct.Struct(">QB")
_FLAGS_SIZE = 2
_PROPERTIES_START = HEADER.size - _FLAGS_SIZE  # the flags are part of what pika decodes
_END = -1
_METHOD_FRAME, _HEADER_FRAME, _BODY_FRAME = spec.FRAME_METHOD, spec.FRAME_HEADER, spec.FRAME_BODY
_DELIVER = spec.Basic.Deliver.INDEX
_PROPERTIES = spec.BasicProperties
_HAS_HEADERS, _HAS_ID = _PROPERTIES.FLAG_HEADERS, _PROPERTIES.FLAG_MESSAGE_ID
#: There are more than these, for properties that AMQP does not have.
_MORE_FLAGS = 1
# What stands before the id: short strings, single bytes, and short strings again.
_TYPE_OR_ENCODING = _PROPERTIES.FLAG_CONTENT_TYPE | _PROPERTIES.FLAG_CONTENT_ENCODING
_MODE_OR_PRIORITY = _PROPERTIES.FLAG_DELIVERY_MODE | _PROPERTIES.FLAG_PRIORITY
_BEFORE_ID = _PROPERTIES.FLAG_CORRELATION_ID | _PROPERTIES.FLAG_REPLY_TO | _PROPERTIES.FLAG_EXPIRATION


class Arrival(NamedTuple):
    """A delivery as its frames say it; the properties are still encoded."""

    consumer_tag: bytes
    delivery_tag: int
    redelivered: bool
    exchange: str
    routing_key: str
    properties: bytes
    body: bytes

    def message(self) -> Message:
        """Decode the message.

        Raises:
            Exception: what pika raises for headers that it does not understand.
        """
        return _message(self.exchange, self.routing_key, self.properties, self.body)


class DeliveryFrames:
    """Takes the frames of one channel that belong to deliveries, and hands on each that is complete."""

    def __init__(self, on_arrival: Callable[[Arrival], None]) -> None:
        self._on_arrival = on_arrival
        self._method: bytes | None = None
        self._properties = b""
        self._missing = 0
        self._pieces: list[bytes] = []

    def take(self, data: bytes, start: int, end: int) -> int:
        """Take a frame that belongs to a delivery, all of the delivery if it is there, and return where that ends.

        Any other frame, for which it returns 0, is left to pika.
        """
        kind = data[start]
        if kind == _METHOD_FRAME:
            if end - start < _METHOD.size or _METHOD.unpack_from(data, start)[3] != _DELIVER:
                return 0
            return self._take_whole(data, start, end) or self._begin(data[start:end], end)
        if self._method is None or kind not in (_HEADER_FRAME, _BODY_FRAME):
            return 0
        if kind == _BODY_FRAME:
            self._missing -= end - start - OVERHEAD
            self._pieces.append(data[start + START.size : end + _END])
        else:
            self._missing = HEADER.unpack_from(data, start)[5]
            self._properties = data[start + _PROPERTIES_START : end + _END]
        if self._missing <= 0:
            method, pieces, self._method, self._pieces = self._method, self._pieces, None, []
            self._complete(method, 0, len(method), self._properties, b"".join(pieces))
        return end

    def _begin(self, method: bytes, end: int) -> int:
        self._method = method
        return end

    def _take_whole(self, data: bytes, start: int, end: int) -> int:
        """Take a delivery whose other frames follow at once, the body in one; return where it ends, or else 0."""
        if len(data) - end < HEADER.size:
            return 0
        kind, channel, size, _, _, body_size, _ = HEADER.unpack_from(data, end)
        body = end + OVERHEAD + size
        after: int = body + OVERHEAD + body_size
        if (
            kind != _HEADER_FRAME
            or after > len(data)
            or START.unpack_from(data, body) != (_BODY_FRAME, channel, body_size)
        ):
            return 0
        if data[start + 1] << 8 | data[start + 2] != channel:
            return 0
        properties = data[end + _PROPERTIES_START : body + _END]
        self._complete(data, start, end, properties, data[body + START.size : after + _END])
        return after

    def _complete(self, data: bytes, start: int, end: int, properties: bytes, body: bytes) -> None:
        """Hand on a delivery whose method's frame stands there."""
        consumer = start + _METHOD.size
        tag = consumer + data[consumer - 1]
        delivery_tag, redelivered = _TAG.unpack_from(data, tag)
        exchange, routing_key = _names(data[tag + _TAG.size : end + _END])
        self._on_arrival(
            Arrival(data[consumer:tag], delivery_tag, redelivered == 1, exchange, routing_key, properties, body)
        )


@lru_cache(maxsize=1000)
def _names(encoded: bytes) -> tuple[str, str]:
    """Decode the exchange and the routing key.

    Raises:
        ValueError: they do not end where their frame does.
    """
    exchange, middle = decode_short_string(encoded, 0)
    routing_key, end = decode_short_string(encoded, middle)
    if end != len(encoded):
        raise ValueError("the names of a delivery do not end where its frame does")
    return exchange, routing_key


def _message(exchange: str, routing_key: str, properties: bytes, body: bytes) -> Message:
    flags = properties[0] << 8 | properties[1]
    if flags & _MORE_FLAGS:
        return as_message(exchange, routing_key, _decoded(properties), body)
    headers: _Headers = {}
    if flags & _HAS_HEADERS:
        start = _headers_start(properties, flags)
        headers, end = decode_table(properties, start)
        flags ^= _HAS_HEADERS
        properties = _without(flags, properties, start, end)
    if not flags & _HAS_ID:
        return _maker(exchange, routing_key, properties)(body, None, headers)
    start = _id_start(properties, flags)
    message_id, end = decode_short_string(properties, start)
    make = _maker(exchange, routing_key, _without(flags ^ _HAS_ID, properties, start, end))
    return make(body, message_id, headers)


def _headers_start(properties: bytes, flags: int) -> int:
    """Return where the headers stand in properties that have them."""
    return _after_strings(properties, _FLAGS_SIZE, (flags & _TYPE_OR_ENCODING).bit_count())


def _id_start(properties: bytes, flags: int) -> int:
    """Return where the message id stands in properties that have one, and no headers."""
    at = _headers_start(properties, flags)
    at += (flags & _MODE_OR_PRIORITY).bit_count()
    if flags & _BEFORE_ID:
        at = _after_strings(properties, at, (flags & _BEFORE_ID).bit_count())
    return at


def _after_strings(properties: bytes, at: int, count: int) -> int:
    for _ in range(count):
        at += 1 + properties[at]
    return at


def _without(flags: int, properties: bytes, start: int, end: int) -> bytes:
    """Return properties with other flags, and without what stands there."""
    return flags.to_bytes(_FLAGS_SIZE, "big") + properties[_FLAGS_SIZE:start] + properties[end:]


@lru_cache(maxsize=1000)
def _maker(exchange: str, routing_key: str, properties: bytes) -> Callable[[bytes, str | None, _Headers], Message]:
    """Return what makes messages that differ in their bodies, their ids and their headers alone."""
    template = as_message(exchange, routing_key, _decoded(properties), b"")
    return alike(template, "body", "message_id", "headers")


def _decoded(properties: bytes) -> spec.BasicProperties:
    return _PROPERTIES().decode(properties)
