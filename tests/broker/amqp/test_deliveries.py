"""Deliveries put together from frames: the same messages as pika's, in whatever order frames of others come."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika import BasicProperties, frame, spec

from amqptool import Message
from amqptool.broker.amqp.convert import as_message
from amqptool.broker.amqp.deliveries import Arrival, DeliveryFrames
from amqptool.broker.amqp.fields import teach_pika
from amqptool.broker.amqp.frames import FrameReader

teach_pika()

short_text = st.text(max_size=60).filter(lambda text: len(text.encode()) < 256)
optional_text = st.none() | short_text
#: Few values each, so that what is remembered of one message comes again in the next.
properties = st.fixed_dictionaries(
    {},
    optional={
        "content_type": st.sampled_from(["text/plain", "application/json"]),
        "content_encoding": st.sampled_from(["gzip", ""]),
        "headers": st.dictionaries(st.sampled_from(["a", "b"]), st.integers(0, 5) | short_text, max_size=2),
        "delivery_mode": st.sampled_from([1, 2]),
        "priority": st.integers(0, 255),
        "correlation_id": short_text,
        "reply_to": short_text,
        "expiration": st.sampled_from(["0", "1000"]),
        "message_id": short_text,
        "timestamp": st.integers(0, 2**64 - 1),
        "type": short_text,
        "user_id": st.just("guest"),
        "app_id": short_text,
    },
)


def frames_of(
    properties: dict[str, Any],
    body: bytes,
    *,
    tag: int = 1,
    redelivered: bool = False,
    piece: int = 100,
    channel: int = 7,
) -> list[bytes]:
    """Encode a delivery with pika's own means, its body in pieces."""
    method = spec.Basic.Deliver("consumer", tag, redelivered, "exchange", "key")
    bodies = [body[start : start + piece] for start in range(0, len(body), piece)]
    return [
        frame.Method(channel, method).marshal(),
        frame.Header(channel, len(body), BasicProperties(**properties)).marshal(),
        *(frame.Body(channel, part).marshal() for part in bodies),
    ]


def arrivals_of(frames: list[bytes]) -> list[Arrival]:
    """Take frames, all of which belong to deliveries."""
    arrived: list[Arrival] = []
    reader = DeliveryFrames(arrived.append)
    assert all(take(reader, each) for each in frames)
    return arrived


def take(reader: DeliveryFrames, frame: bytes) -> bool:
    """Let a frame be taken that comes alone; return whether it was."""
    return reader.take(frame, 0, len(frame)) == len(frame)


@given(sent=st.lists(st.tuples(properties, st.binary(max_size=250)), max_size=4))
def test_messages_are_those_that_pika_reads(sent: list[tuple[dict[str, Any], bytes]]) -> None:
    """Any properties and any bodies, one message after another."""
    arrived = arrivals_of([each for fields, body in sent for each in frames_of(fields, body)])
    method = spec.Basic.Deliver("consumer", 1, False, "exchange", "key")
    expected = [
        as_message(method.exchange, method.routing_key, BasicProperties(**fields), body) for fields, body in sent
    ]
    assert [each.message() for each in arrived] == expected


@given(data=st.data(), bodies=st.lists(st.binary(max_size=250), max_size=5))
def test_channels_share_a_connection(data: st.DataObject, bodies: list[bytes]) -> None:
    """However the frames of two channels stand among each other, and wherever the bytes are cut."""
    lines = [
        [each for tag, body in enumerate(bodies) for each in frames_of({}, body, tag=tag, channel=channel)]
        for channel in (1, 2)
    ]
    stream = b""
    while any(lines):
        stream += data.draw(st.sampled_from([line for line in lines if line])).pop(0)
    arrived: dict[int, list[Arrival]] = {1: [], 2: []}
    takers = {channel: DeliveryFrames(arrived[channel].append).take for channel in arrived}

    reader = FrameReader()
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        reader.read(stream[:size], lambda data, start, end: takers[data[start + 2]](data, start, end))
        stream = stream[size:]
    expected = list(enumerate(bodies))
    assert [[(each.delivery_tag, each.body) for each in arrived[channel]] for channel in (1, 2)] == [expected] * 2


@pytest.mark.parametrize("redelivered", [False, True])
def test_the_delivery_is_told(redelivered: bool) -> None:
    """Consumer, tag, whether it is redelivered, exchange and key."""
    [arrival] = arrivals_of(frames_of({}, b"x", tag=2**63, redelivered=redelivered))
    assert arrival[:5] == (b"consumer", 2**63, redelivered, "exchange", "key")


def test_names_that_are_no_utf_8_are_kept() -> None:
    """Their bytes stand escaped, as everywhere."""
    method, header, body = frames_of({"message_id": "x"}, b"x")
    [arrival] = arrivals_of([method.replace(b"exchange", b"exch\xffnge"), header.replace(b"\x01x", b"\x01\xff"), body])
    message = arrival.message()
    assert (message.exchange, message.message_id) == ("exch\udcffnge", "\udcff")


@pytest.mark.parametrize(
    "lengths", [(b"\x09exchange", b"\x03key"), (b"\x08exchange", b"\x02key"), (b"\x07exchange", b"\x03key")]
)
def test_names_that_do_not_end_with_their_frame_are_an_error(lengths: tuple[bytes, bytes]) -> None:
    """No name is longer than AMQP allows, which nobody could publish."""
    method, header, body = frames_of({}, b"x")
    wrong = method.replace(b"\x08exchange\x03key", b"".join(lengths))
    assert wrong != method
    with pytest.raises(ValueError, match="do not end"):
        arrivals_of([wrong, header, body])


@pytest.mark.parametrize("headers", [{"a": 1}, {}, None])
def test_messages_do_not_share_their_headers(headers: dict[str, int] | None) -> None:
    """A handler that changes the headers of one does not change another's, nor those of messages to come."""
    frames = frames_of({"message_id": "x"} | ({} if headers is None else {"headers": headers}), b"x")
    first, second = (each.message() for each in arrivals_of(frames * 2))
    assert isinstance(first.headers, dict)
    first.headers["a"] = 2
    [third] = (each.message() for each in arrivals_of(frames))
    assert second.headers == third.headers == (headers or {})


@pytest.mark.parametrize("method", [spec.Basic.CancelOk("x"), spec.Channel.Close(404, "gone", 0, 0), spec.Basic.Ack(1)])
def test_other_frames_are_left_to_pika(method: Any) -> None:
    """Also between those of a delivery, as an ack of a publish may come."""
    arrived: list[Arrival] = []
    reader = DeliveryFrames(arrived.append)
    start, *rest = frames_of({}, b"x")
    assert take(reader, start)
    assert not take(reader, frame.Method(7, method).marshal())
    assert all(take(reader, each) for each in rest)
    assert len(arrived) == 1


def test_content_that_is_no_deliverys_is_left_to_pika() -> None:
    """The header and body of a returned message belong to its `basic.return`."""
    reader = DeliveryFrames(lambda _: None)
    _, header, body = frames_of({}, b"x")
    returned = frame.Method(7, spec.Basic.Return(312, "NO_ROUTE", "", "nowhere")).marshal()
    assert not any(take(reader, each) for each in (returned, header, body))


def test_headers_that_cannot_be_decoded_are_an_error_of_their_message() -> None:
    """They arrive all the same, with their tag, so that somebody can deal with them."""
    method, header, body = frames_of({"headers": {"a": True}}, b"x", tag=9)
    [arrival] = arrivals_of([method, header.replace(b"\x01at", b"\x01a\x07"), body])
    assert arrival.delivery_tag == 9
    with pytest.raises(Exception, match=r".*"):
        arrival.message()


def test_a_message_like_another_is_a_message() -> None:
    """What is made from a template is equal to what the constructor makes."""
    first, second = (
        arrivals_of(frames_of({"message_id": message_id, "delivery_mode": 2}, b"x"))[0].message()
        for message_id in ("a", "b")
    )
    assert second == Message(body=b"x", exchange="exchange", routing_key="key", message_id="b")
    assert first != second
