"""Field values as bytes and back: pika's own bytes, but for what pika gets wrong."""

from __future__ import annotations

import importlib.util
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika import data
from pika.exceptions import ShortStringTooLong, UnsupportedAMQPFieldException

from amqptool.broker.amqp.calls import ENCODING_ERRORS
from amqptool.broker.amqp.decoding import decode_table, decode_value
from amqptool.broker.amqp.encoding import encode_headers, encode_table, encode_value
from amqptool.carried import MAX_DEPTH, check_message
from amqptool.errors import InputError
from amqptool.message import LAST_SECOND, FarTimestamp, Message


def untaught() -> ModuleType:
    """Load pika's tables again, as they are without us."""
    spec = importlib.util.spec_from_file_location("untaught", Path(str(data.__file__)))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PIKA = untaught()

names = st.text(max_size=20)
#: What pika gets right.
plain = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | names
    | st.binary(max_size=20)
    | st.integers(0, LAST_SECOND).map(lambda second: datetime.fromtimestamp(second, UTC))
)
others = (
    st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**31), 2**31 - 1).map(lambda number: Decimal(number).scaleb(-3))
    | st.integers(LAST_SECOND + 1, 2**64 - 1).map(FarTimestamp)
    | st.binary(max_size=20).map(lambda some: some.decode("utf-8", "surrogateescape"))
)


def nested(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Put values into tables and lists, within each other."""
    inner = st.recursive(
        values, lambda each: st.lists(each, max_size=3) | st.dictionaries(names, each, max_size=3), max_leaves=10
    )
    return st.dictionaries(names, inner, max_size=4)


@given(table=nested(plain))
def test_what_pika_gets_right_is_encoded_as_it_does(table: dict[str, Any]) -> None:
    """Byte for byte, at any depth."""
    pieces: list[bytes] = []
    PIKA.encode_table(pieces, table)
    assert encode_table(table) == b"".join(pieces)


@given(table=nested(plain))
def test_what_pika_gets_right_is_decoded_as_it_does(table: dict[str, Any]) -> None:
    """The same values, and the same end."""
    encoded = encode_table(table) + b"more"
    assert decode_table(encoded, 0) == PIKA.decode_table(encoded, 0) == (table, len(encoded) - 4)


@given(table=nested(plain | others))
def test_what_is_encoded_comes_back(table: dict[str, Any]) -> None:
    """Equal values, of equal types and with equal zeros at the end."""
    assert repr(decode_table(encode_table(table), 0)[0]) == repr(table)


@given(table=nested(plain | others), data=st.data())
def test_a_table_that_is_cut_off_is_decoded_to_an_end(table: dict[str, Any], data: st.DataObject) -> None:
    """It is an error, or, cut off in a string, a shorter one; it never goes on for ever."""
    encoded = encode_table(table)
    end = data.draw(st.integers(0, len(encoded)))
    with suppress(Exception):
        decode_table(encoded[:end], 0)


def test_any_depth_is_decoded() -> None:
    """Lists within each other, far deeper than Python can recur."""
    depth = 100_000
    encoded = b"".join(b"A" + (5 * level).to_bytes(4, "big") for level in reversed(range(depth)))
    value, end = decode_value(encoded, 0)
    levels = 0
    while value:
        [value] = value
        levels += 1
    assert (levels, end) == (depth - 1, len(encoded))


class Kilograms(float):
    """A type of a user's own."""


@pytest.mark.parametrize(("value", "kind"), [(Kilograms(1.5), b"d"), (True, b"t"), (FarTimestamp(5), b"T")])
def test_a_type_derived_from_another_is_encoded_as_the_nearest(value: Any, kind: bytes) -> None:
    """A boolean is no integer, and a far timestamp none either."""
    assert encode_value(value)[:1] == kind


def test_a_value_that_amqp_has_no_type_for_is_refused() -> None:
    """A set, deep inside."""
    with pytest.raises(UnsupportedAMQPFieldException):
        encode_table({"a": [{"b": {1}}]})


def test_a_name_that_is_too_long_is_refused() -> None:
    """One byte more than a short string can have."""
    with pytest.raises(ShortStringTooLong):
        encode_table({"é" * 128: 1})


WEST, EAST = timezone(timedelta(hours=-5)), timezone(timedelta(hours=5))
#: Among others what AMQP does not carry.
hostile = (
    plain
    | others
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.datetimes()
    | st.integers().map(FarTimestamp)
    | st.characters(categories=["Cs"])
    | st.text(min_size=254, max_size=256)
    | st.tuples(st.integers())
    | st.sampled_from([datetime.max.replace(tzinfo=WEST), datetime.min.replace(tzinfo=EAST)])
    | st.sampled_from([Decimal("1e9999999"), Decimal("-1e-9999999"), {1: 2}, {b"bytes": 1}, {"x" * 256: 1}, {1, 2}])
)


def refusals(headers: Any) -> tuple[bool, bool]:
    """Return whether headers are refused when they are checked, and when they are encoded."""
    refused = [False, False]
    try:
        check_message(Message(body=b"", headers=headers))
    except InputError:
        refused[0] = True
    try:
        encode_headers(headers)
    except ENCODING_ERRORS:
        refused[1] = True
    return refused[0], refused[1]


@given(nested(hostile))
def test_headers_are_encoded_if_they_pass_the_check(headers: dict[str, Any]) -> None:
    """And only then: a publish encodes them, and has them checked only to name what is at fault."""
    checked, encoded = refusals(headers)
    assert checked == encoded


@pytest.mark.parametrize("headers", [{1: "x"}, {b"x": "x"}, {None: 1}, {"x" * 256: 1}, ["x"], "text", [("x", 1)]])
def test_headers_with_bad_names_are_refused_by_both(headers: Any) -> None:
    """As is what is no table."""
    assert refusals(headers) == (True, True)


@pytest.mark.parametrize(("levels", "refused"), [(MAX_DEPTH - 1, False), (MAX_DEPTH, True), (100_000, True)])
def test_headers_that_are_too_deep_are_refused_by_both(levels: int, refused: bool) -> None:
    """A table counts as a level, too."""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    assert refusals({"x": value}) == (refused, refused)
