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

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.message import Message

#: A method's frame up to the consumer tag: type, channel, size, class and method, length of the tag.
_METHOD = struct.Struct(">BHIIB")
#: What follows the consumer tag: delivery tag, and whether it is redelivered.
_TAG = struct.Struct(">QB")
#: A content header's frame up to its flags: type, channel, size, class, weight, size of the body, flags.
_HEADER = struct.Struct(">BHIHHQH")
_PROPERTIES_START = _HEADER.size - 2  # the flags are part of what pika decodes
_BODY_START, _END, _OVERHEAD = 7, -1, 8
_METHOD_FRAME, _HEADER_FRAME, _BODY_FRAME = spec.FRAME_METHOD, spec.FRAME_HEADER, spec.FRAME_BODY
_DELIVER = spec.Basic.Deliver.INDEX
_PROPERTIES = spec.BasicProperties
_HAS_ID = _PROPERTIES.FLAG_MESSAGE_ID


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
        self._header = b""
        self._missing = 0
        self._pieces: list[bytes] = []

    def take(self, frame: bytes) -> bool:
        """Return whether the frame belongs to a delivery; any other is left to pika."""
        if frame[0] == _METHOD_FRAME:
            if len(frame) < _METHOD.size or _METHOD.unpack_from(frame)[3] != _DELIVER:
                return False
            self._method = frame
            return True
        if self._method is None:
            return False
        if frame[0] == _BODY_FRAME:
            self._missing -= len(frame) - _OVERHEAD
            self._pieces.append(frame[_BODY_START:_END])
        elif frame[0] == _HEADER_FRAME:
            self._header = frame
            self._missing = _HEADER.unpack_from(frame)[5]
        else:
            return False
        if self._missing <= 0:
            self._complete(self._method)
        return True

    def _complete(self, method: bytes) -> None:
        pieces, self._method, self._pieces = self._pieces, None, []
        start = _METHOD.size
        end = start + method[start - 1]
        delivery_tag, redelivered = _TAG.unpack_from(method, end)
        exchange, routing_key = _names(method[end + _TAG.size : _END])
        self._on_arrival(
            Arrival(
                method[start:end],
                delivery_tag,
                redelivered == 1,
                exchange,
                routing_key,
                self._header[_PROPERTIES_START:_END],
                pieces[0] if len(pieces) == 1 else b"".join(pieces),
            )
        )


@lru_cache(maxsize=1000)
def _names(encoded: bytes) -> tuple[str, str]:
    """Decode the exchange and the routing key."""
    middle = 1 + encoded[0]
    return _text(encoded[1:middle]), _text(encoded[middle + 1 :])


def _text(encoded: bytes) -> str:
    return encoded.decode("utf-8", "surrogateescape")


def _message(exchange: str, routing_key: str, properties: bytes, body: bytes) -> Message:
    flags = properties[0] << 8 | properties[1]
    if flags & (_PROPERTIES.FLAG_HEADERS | 1):  # headers are a table of each message's own
        return as_message(exchange, routing_key, _decoded(properties), body)
    if not flags & _HAS_ID:
        return _maker(exchange, routing_key, properties)(body, None)
    start = _id_start(properties, flags)
    end = start + 1 + properties[start]
    make = _maker(exchange, routing_key, _without_id(flags, properties, start, end))
    return make(body, _text(properties[start + 1 : end]))


def _id_start(properties: bytes, flags: int) -> int:
    """Return where the message id stands in properties that have one, and no headers."""
    at = 2
    for flag in (_PROPERTIES.FLAG_CONTENT_TYPE, _PROPERTIES.FLAG_CONTENT_ENCODING):
        if flags & flag:
            at += 1 + properties[at]
    for flag in (_PROPERTIES.FLAG_DELIVERY_MODE, _PROPERTIES.FLAG_PRIORITY):
        if flags & flag:
            at += 1
    for flag in (_PROPERTIES.FLAG_CORRELATION_ID, _PROPERTIES.FLAG_REPLY_TO, _PROPERTIES.FLAG_EXPIRATION):
        if flags & flag:
            at += 1 + properties[at]
    return at


def _without_id(flags: int, properties: bytes, start: int, end: int) -> bytes:
    return int(flags ^ _HAS_ID).to_bytes(2, "big") + properties[2:start] + properties[end:]


@lru_cache(maxsize=1000)
def _maker(exchange: str, routing_key: str, properties: bytes) -> Callable[[bytes, str | None], Message]:
    """Return what makes messages that differ in their bodies and ids alone."""
    return alike(as_message(exchange, routing_key, _decoded(properties), b""), "body", "message_id")


def _decoded(properties: bytes) -> spec.BasicProperties:
    return _PROPERTIES().decode(properties)
