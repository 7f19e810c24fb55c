"""What every codec does, the same for all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amqptool import Codec, CodecError, Limits, Message, ProtobufCodec
from amqptool.codecs.interface import ContentType
from amqptool.codecs.json import JsonCodec
from amqptool.codecs.msgpack import MsgpackCodec
from amqptool.codecs.raw import BytesCodec
from amqptool.codecs.text import TextCodec
from tests.support.schema import ORDER, compiled

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)
WITH_BYTES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)
#: In the order of the schema, and none at its default: such fields are not there after a round trip.
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "name": TEXT.filter(bool),
    "quantity": st.integers(1, 2**31 - 1),
    "large": st.integers(1, 2**63 - 1).map(str),
    "price": st.floats(0.5, 1e300),
    "paid": st.just(True),
    "at": st.just("2026-01-01T00:00:00Z"),
}
ORDERS = (
    st.fixed_dictionaries({}, optional=FIELDS)
    .map(lambda order: {name: order[name] for name in FIELDS if name in order})
    .map(lambda order: {**order, "parts": [order]})
)


@dataclass(frozen=True)
class Case:
    """One codec, the values it carries, and some that it does not."""

    make: Callable[[], Codec]
    values: st.SearchStrategy[Any]
    foreign: tuple[Any, ...]
    broken: tuple[bytes, ...]


CASES = {
    "json": Case(JsonCodec, PLAIN, ({1}, b"bytes", {1: 2}, object(), "\ud800"), (b"", b"{", b"\xff", b"1 2")),
    "msgpack": Case(MsgpackCodec, WITH_BYTES, ({1}, {1: 2}, object(), 2**64, "\ud800"), (b"", b"\x91", b"\xc1", b"11")),
    "text": Case(TextCodec, TEXT, (1, b"bytes", None, "\ud800"), (b"\xff",)),
    "raw": Case(BytesCodec, st.binary(), (1, "text", None, {}), ()),
    "protobuf": Case(
        lambda: ProtobufCodec.from_descriptor(compiled(), ORDER),
        ORDERS,
        (1, [], {"nmae": "typo"}, {"quantity": "many"}, {"quantity": 2**31}, {1: 2}, {"name": "\ud800"}),
        (b"\xff", b"\x0a\x05abc"),
    ),
}


@pytest.fixture(params=sorted(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    """Return each codec in turn."""
    return CASES[request.param]


def test_a_value_comes_back_as_it_was(case: Case) -> None:
    """What a codec encodes it decodes to an equal value of the same types."""
    codec = case.make()

    @settings(deadline=None, max_examples=60)
    @given(value=case.values)
    def round_trip(value: Any) -> None:
        message = Message.encode(value, codec=codec)
        again = message.decode(codec=codec)
        assert again == value
        assert repr(again) == repr(value)
        assert Message.encode(value, codec=codec).body == message.body

    round_trip()


def test_what_cannot_be_said_is_refused(case: Case) -> None:
    """A value that would change, or that a codec has no form for, is a CodecError."""
    for value in case.foreign:
        with pytest.raises(CodecError):
            Message.encode(value, codec=case.make())


def test_what_is_broken_is_refused(case: Case) -> None:
    """A body that is not of the codec's kind is a CodecError that says so."""
    for body in case.broken:
        with pytest.raises(CodecError, match=r"not (a )?valid"):
            Message(body=body).decode(codec=case.make())


def test_random_bytes_never_do_more_than_be_refused(case: Case) -> None:
    """Whatever arrives is a value or a CodecError."""
    codec = case.make()

    @settings(deadline=None, max_examples=200)
    @given(body=st.binary(max_size=200))
    def decode(body: bytes) -> None:
        try:
            codec.decode(body, ContentType.parse(codec.content_type), Limits())
        except CodecError as error:
            assert str(error)

    decode()


@pytest.mark.parametrize("depth", [200, 201, 5_000])
@pytest.mark.parametrize("content_type", ["application/json", "application/msgpack"])
def test_encoding_and_decoding_have_the_same_depth(content_type: str, depth: int) -> None:
    """What is nested as deeply as may be comes back, and what is nested deeper does not go out."""
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]

    if depth > Limits().max_depth:
        with pytest.raises(CodecError, match=r"nested|too deep|recursion"):
            Message.encode(value, content_type=content_type)
    else:
        assert Message.encode(value, content_type=content_type).decode() == value


@pytest.mark.parametrize("content_type", ["application/json", "application/msgpack"])
def test_a_value_that_holds_itself_is_refused(content_type: str) -> None:
    """A loop is an error, and no endless one."""
    value: list[Any] = []
    value += [value, value]

    with pytest.raises(CodecError):
        Message.encode(value, content_type=content_type)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC), "2026-01-02T03:04:05.000678+00:00"),
        (datetime(2026, 1, 2, 3, 4, 5), "2026-01-02T03:04:05"),
        (date(2026, 1, 2), "2026-01-02"),
        (time(3, 4, 5), "03:04:05"),
    ],
)
@pytest.mark.parametrize("content_type", ["application/json", "application/msgpack"])
def test_dates_and_times_are_written_as_iso_8601(content_type: str, moment: object, text: str) -> None:
    """They arrive as text, wherever in a value they stand."""
    message = Message.encode({"at": [moment]}, content_type=content_type)

    assert message.decode() == {"at": [text]}
