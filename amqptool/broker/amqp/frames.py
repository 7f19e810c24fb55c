"""Frames (AMQP 0-9-1 section 4.2.3), cut out of what arrives and made of messages: as pika does, but faster.

pika copies the rest of its buffer for every frame that it takes out, and encodes every field of every message anew.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

from pika import spec
from pika.exceptions import AMQPConnectionError, InvalidFrameError
from pika.frame import Method

from amqptool.broker.amqp.encoding import encode_headers, encode_short_string

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from amqptool.message import Message

    #: Called with bytes, and where in them a frame begins and ends. Returns where the next one begins, which is
    #: later if it took more than this one.
    TakeFrame: TypeAlias = Callable[[bytes, int, int], int]

#: Any frame's type, channel and size of the payload.
START = struct.Struct(">BHI")
_END = b"\xce"
#: Bytes of a frame that are not its payload.
OVERHEAD = START.size + len(_END)
_KINDS = frozenset((spec.FRAME_METHOD, spec.FRAME_HEADER, spec.FRAME_BODY, spec.FRAME_HEARTBEAT))
#: How a broker refuses the version of the protocol: eight bytes that are no frame.
_PROTOCOL_HEADER = b"AMQP"


#: Bytes that are waited for. Far more than the `frame_max` agreed upon, over which RabbitMQ goes: a message whose
#: headers fill a frame comes with more of them out of a dead-letter queue.
LONGEST_FRAME = 16 * 1024 * 1024


class FrameReader:
    """Puts frames together that arrive in pieces of any size."""

    def __init__(self) -> None:
        self._pieces = bytearray()
        self._needed = OVERHEAD

    def read(self, data: bytes, take: TakeFrame) -> None:
        """Hand over the frames that these bytes complete.

        Raises:
            InvalidFrameError: what comes next is no AMQP.
            AMQPConnectionError: it is a frame that no broker sends.
        """
        if self._pieces:
            self._pieces += data
            if len(self._pieces) < self._needed:
                return
            data = bytes(self._pieces)
            self._pieces.clear()
        start, size = 0, len(data)
        while (end := start + _length(data, start, size)) <= size:
            start = take(data, start, end)
        self._pieces += data[start:]
        self._needed = end - start
        if self._needed > LONGEST_FRAME:
            raise AMQPConnectionError(f"a frame of {self._needed:,} bytes is announced: that is no valid AMQP 0-9-1")


def _length(data: bytes, start: int, size: int) -> int:
    """Return the length of the frame that begins there, or how many bytes it takes to tell."""
    if size - start < OVERHEAD:
        return OVERHEAD
    kind, _, length = START.unpack_from(data, start)
    if kind in _KINDS:
        return OVERHEAD + int(length)
    if data[start : start + 4] == _PROTOCOL_HEADER:
        return 8
    raise InvalidFrameError(f"Unknown frame type: {kind}")


#: A confirm as a frame: type, channel, size, class and method, delivery tag, bits, end.
_CONFIRM = struct.Struct(">BHIIQBB")
_ACK, _NACK = spec.Basic.Ack.INDEX, spec.Basic.Nack.INDEX


def confirm_in(data: bytes, start: int, end: int) -> tuple[int, bool, bool] | None:
    """Return the delivery tag, `multiple` and whether it is an ack; None for a frame that is no confirm."""
    if end - start != _CONFIRM.size:
        return None
    kind, _, _, method, tag, bits, last = _CONFIRM.unpack_from(data, start)
    if kind != spec.FRAME_METHOD or method not in (_ACK, _NACK) or last != _END[0]:
        return None
    return tag, bool(bits & 1), method == _ACK


def ack_frame(channel: int, tag: int, *, multiple: bool) -> bytes:
    """Make an acknowledgement, of one delivery or of all up to it."""
    return _CONFIRM.pack(spec.FRAME_METHOD, channel, _CONFIRM.size - OVERHEAD, _ACK, tag, multiple, _END[0])


#: A content header's frame up to its flags: type, channel, size, class, weight, size of the body, flags.
HEADER = struct.Struct(">BHIHHQH")
_HEADER_PAYLOAD = HEADER.size - START.size
_BASIC, _HAS_HEADERS = spec.BasicProperties.INDEX, spec.BasicProperties.FLAG_HEADERS
_HAS_ID = spec.BasicProperties.FLAG_MESSAGE_ID
_CONTENT_HEADER, _BODY = spec.FRAME_HEADER, spec.FRAME_BODY


class PublishFrames:
    """Makes the frames of publishes on one channel, whose frames may be so many bytes long."""

    def __init__(self, channel: int, frame_max: int) -> None:
        self.limit = frame_max
        self._channel = channel
        self._longest_body = frame_max - OVERHEAD

    def of(self, message: Message, *, mandatory: bool) -> tuple[list[bytes], int]:
        """Return what to send, a small message as one piece, and how many bytes the content header's frame takes.

        Raises:
            Exception: what pika raises for what AMQP cannot carry, `ENCODING_ERRORS`.
        """
        body = message.body
        method, flags, before, after = self._around(message, mandatory)
        message_id = b""
        if message.message_id is not None:
            flags |= _HAS_ID
            message_id = encode_short_string(message.message_id)
        size = _HEADER_PAYLOAD + len(before) + len(message_id) + len(after)
        header = HEADER.pack(_CONTENT_HEADER, self._channel, size, _BASIC, 0, len(body), flags)
        begin = (method, header, before, message_id, after, _END)
        if 0 < len(body) <= self._longest_body:
            frames = [b"".join((*begin, START.pack(_BODY, self._channel, len(body)), body, _END))]
        else:
            frames = [b"".join(begin), *self._bodies(body)]
        return frames, size + OVERHEAD

    def _around(self, message: Message, mandatory: bool) -> _Around:
        """Encode what stands around the place of `message_id`."""
        method = _method(self._channel, mandatory, message.exchange, message.routing_key)
        kinds = type(message.priority), type(message.timestamp)  # 1 and True are equal, and not the same property
        flags, first, before, after = _properties(_all_but_own(message), kinds)
        if message.headers:
            return method, flags | _HAS_HEADERS, first + encode_headers(message.headers) + before, after
        return method, flags, first + before, after

    def _bodies(self, body: bytes) -> Iterator[bytes]:
        for start in range(0, len(body), self._longest_body):
            part = body[start : start + self._longest_body]
            yield b"".join((START.pack(_BODY, self._channel, len(part)), part, _END))


#: The method's frame, and the flags and properties before and after the place of `message_id`.
_Around: TypeAlias = "tuple[bytes, int, bytes, bytes]"

# The properties in their order on the wire, but for the headers and `message_id`, which stand in between.
_BEFORE_HEADERS = ("content_type", "content_encoding")
_BEFORE_ID = ("persistent", "priority", "correlation_id", "reply_to", "expiration")
_AFTER_ID = ("timestamp", "type", "user_id", "app_id")
_all_but_own = attrgetter(*_BEFORE_HEADERS, *_BEFORE_ID, *_AFTER_ID)


@lru_cache(maxsize=1000)
def _method(channel: int, mandatory: bool, exchange: str, routing_key: str) -> bytes:
    if not isinstance(exchange, str) or not isinstance(routing_key, str):
        raise TypeError("pika would take bytes, which come back as text in a returned message")
    method = spec.Basic.Publish(exchange=exchange, routing_key=routing_key, mandatory=mandatory)
    return bytes(Method(channel, method).marshal())


@lru_cache(maxsize=100)
def _properties(values: tuple[Any, ...], _kinds: Hashable) -> tuple[int, bytes, bytes, bytes]:
    """Return the flags and the encoded properties before the headers, before `message_id` and after it."""
    named = dict(zip(_BEFORE_HEADERS + _BEFORE_ID + _AFTER_ID, values, strict=True))
    named["delivery_mode"] = 2 if named.pop("persistent") else 1
    first, first_flags = _encoded({name: named.pop(name) for name in _BEFORE_HEADERS})
    after, after_flags = _encoded({name: named.pop(name) for name in _AFTER_ID})
    before, flags = _encoded(named)
    return first_flags | flags | after_flags, first, before, after


def _encoded(properties: dict[str, Any]) -> tuple[bytes, int]:
    flags, *pieces = spec.BasicProperties(**properties).encode()
    return b"".join(pieces), int.from_bytes(flags, "big")
