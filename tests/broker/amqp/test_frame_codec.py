"""Frames cut out of what arrives, and frames made of messages: pika's own bytes, however they come."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika import BasicProperties, frame, spec
from pika.exceptions import AMQPConnectionError, InvalidFrameError, ShortStringTooLong

from amqptool import Message
from amqptool.broker.amqp.fields import teach_pika
from amqptool.broker.amqp.frames import LONGEST_FRAME, FrameReader, PublishFrames, confirm_in

teach_pika()

short_text = st.text(max_size=60)
optional_text = st.none() | short_text
messages = st.builds(
    Message,
    body=st.binary(max_size=400),
    exchange=short_text,
    routing_key=short_text,
    message_id=optional_text,
    persistent=st.booleans(),
    headers=st.dictionaries(short_text, st.integers(-(2**63), 2**63 - 1) | short_text | st.booleans(), max_size=3),
    content_type=optional_text,
    content_encoding=optional_text,
    correlation_id=optional_text,
    reply_to=optional_text,
    expiration=optional_text,
    priority=st.none() | st.integers(0, 255),
    timestamp=st.none() | st.integers(0, 2**64 - 1),
    type=optional_text,
    user_id=optional_text,
    app_id=optional_text,
)


def as_pika_does(message: Message, channel: int, mandatory: bool, frame_max: int) -> bytes:
    """Encode a publish with pika's own means."""
    properties = BasicProperties(
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
    method = spec.Basic.Publish(exchange=message.exchange, routing_key=message.routing_key, mandatory=mandatory)
    size, body = frame_max - 8, message.body
    parts: list[Any] = [frame.Method(channel, method), frame.Header(channel, len(body), properties)]
    parts += [frame.Body(channel, body[start : start + size]) for start in range(0, len(body), size)]
    return b"".join(part.marshal() for part in parts)


@given(message=messages, channel=st.integers(1, 2047), mandatory=st.booleans(), frame_max=st.integers(50, 300))
def test_a_message_is_encoded_as_pika_does(message: Message, channel: int, mandatory: bool, frame_max: int) -> None:
    """Byte for byte, whatever its properties, and also when its body takes several frames."""
    frames, _ = PublishFrames(channel, frame_max).of(message, mandatory=mandatory)
    assert b"".join(frames) == as_pika_does(message, channel, mandatory, frame_max)


def test_messages_that_differ_in_one_property_are_told_apart() -> None:
    """What is kept of one message's encoding is not taken for the next one's."""
    frames = PublishFrames(1, 131_072)
    for changes in ({}, {"priority": 1}, {"priority": 2}, {"persistent": False}, {"app_id": "a"}, {"type": "a"}):
        message = Message(body=b"x", message_id="m", **changes)
        assert b"".join(frames.of(message, mandatory=True)[0]) == as_pika_does(message, 1, True, 131_072)


def test_a_value_that_equals_another_of_a_fitting_type_is_refused() -> None:
    """1.0 is no priority, even after a message with priority 1."""
    frames = PublishFrames(1, 131_072)
    frames.of(Message(body=b"x", priority=1), mandatory=True)
    with pytest.raises(struct.error):
        frames.of(Message(body=b"x", priority=1.0), mandatory=True)  # type: ignore[arg-type]


def test_a_message_id_that_is_no_short_string_is_refused() -> None:
    """AMQP's short strings end at 255 bytes."""
    frames = PublishFrames(1, 131_072)
    frames.of(Message(body=b"x", message_id="č" * 127), mandatory=True)
    with pytest.raises(ShortStringTooLong):
        frames.of(Message(body=b"x", message_id="č" * 128), mandatory=True)


def cut_by(reader: FrameReader, data: bytes, frames: list[bytes] | None = None) -> list[bytes]:
    """Return the frames that these bytes complete, after those that were there before."""
    frames = [] if frames is None else frames

    def take(data: bytes, start: int, end: int) -> int:
        frames.append(data[start:end])
        return end

    reader.read(data, take)
    return frames


@given(messages=st.lists(messages, max_size=5), sizes=st.lists(st.integers(1, 40), min_size=1))
def test_frames_come_out_whole_however_they_arrive(messages: list[Message], sizes: list[int]) -> None:
    """Cut anywhere, even within a length, the same frames come in the same order."""
    data = b"".join(as_pika_does(message, 1, True, 100) for message in messages)
    reader, cut, position, step = FrameReader(), [], 0, 0
    while position < len(data):
        size = sizes[step % len(sizes)]
        cut += cut_by(reader, data[position : position + size])
        position, step = position + size, step + 1
    assert cut == cut_by(FrameReader(), data)
    assert b"".join(cut) == data
    assert all(frame.decode_frame(one)[0] == len(one) for one in cut)


def test_what_is_no_amqp_is_refused_at_once() -> None:
    """A web server's words would be a frame of more than a gigabyte, to wait for."""
    with pytest.raises(InvalidFrameError):
        cut_by(FrameReader(), b"HTTP/1.1 400 Bad Request\r\n")


def test_a_frame_longer_than_any_is_refused_at_once() -> None:
    """It would be gathered for as long as bytes come."""
    body = struct.Struct(">BHI")
    reader = FrameReader()
    assert cut_by(reader, body.pack(3, 1, LONGEST_FRAME - 8) + b"x") == []
    with pytest.raises(AMQPConnectionError, match="a frame of 4,294,967,303 bytes is announced"):
        cut_by(FrameReader(), body.pack(3, 1, 2**32 - 1) + b"x")


def test_what_came_before_what_is_no_amqp_is_heard() -> None:
    """A broker's last words count, such as confirms."""
    ack = frame.Method(7, spec.Basic.Ack(1)).marshal()
    heard: list[bytes] = []
    with pytest.raises(InvalidFrameError):
        cut_by(FrameReader(), ack + b"GARBAGE!", heard)
    assert heard == [ack]


def test_a_refused_version_is_a_protocol_header() -> None:
    """Eight bytes, after which the broker hangs up."""
    assert cut_by(FrameReader(), b"AMQP\x00\x00\x09\x01") == [b"AMQP\x00\x00\x09\x01"]


@pytest.mark.parametrize("multiple", [False, True])
def test_confirms_are_read(multiple: bool) -> None:
    """Both kinds, with their tag; pika's own encoding of them."""
    ack = frame.Method(7, spec.Basic.Ack(2**64 - 1, multiple)).marshal()
    nack = frame.Method(7, spec.Basic.Nack(1, multiple, requeue=True)).marshal()
    assert confirm_in(ack + nack, 0, len(ack)) == (2**64 - 1, multiple, True)
    assert confirm_in(ack + nack, len(ack), len(ack + nack)) == (1, multiple, False)


@pytest.mark.parametrize(
    "other",
    [
        frame.Method(7, spec.Basic.Reject(1)).marshal(),
        frame.Body(7, b"x" * 13).marshal(),
        frame.Method(7, spec.Basic.Ack(1)).marshal()[:-1] + b"\x00",
        frame.Heartbeat().marshal(),
    ],
    ids=["reject", "body", "bad end", "heartbeat"],
)
def test_what_is_no_confirm_is_left_to_pika(other: bytes) -> None:
    """Among it what only looks like one."""
    assert confirm_in(other, 0, len(other)) is None
