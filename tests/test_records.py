"""Messages as JSON Lines: nothing is lost, and what is malformed is refused with its reason."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from amqptool.errors import InputError
from amqptool.message import LAST_SECOND, Delivery, FarTimestamp, Message, normalize_message_id
from amqptool.records import (
    PROPERTIES,
    decode_record,
    delivery_to_line,
    delivery_to_record,
    field_from_json,
    message_from_record,
    message_to_record,
    received_at,
    record_from_line,
    time_to_json,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TIMES = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 30), timezones=st.just(UTC))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | st.binary(max_size=20)
    | st.binary(max_size=20).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.integers(LAST_SECOND + 1, 2**64 - 1).map(FarTimestamp)
    | TIMES.map(lambda moment: moment.replace(microsecond=0, fold=0))
)
KEYS = TEXT | st.sampled_from(["$bytes", "$text", "$timestamp", "$decimal", "$table", "$", "$unknown"])
FIELDS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=10,
)
MESSAGES = st.builds(
    Message,
    body=st.binary() | TEXT.map(str.encode),
    exchange=TEXT,
    routing_key=TEXT,
    message_id=st.none() | TEXT,
    persistent=st.booleans(),
    headers=st.dictionaries(KEYS, FIELDS, max_size=3),
    priority=st.none() | st.integers(0, 255),
    timestamp=st.none() | st.integers(0, 2**64 - 1),
    **{name: st.none() | TEXT for name in PROPERTIES if name not in ("message_id", "priority", "timestamp")},
)


def through_a_line(message: Message) -> Message:
    """Write a message as a line of JSON and read it back."""
    return record_from_line(json.dumps(message_to_record(message)).encode())


@settings(deadline=None)
@given(message=MESSAGES)
@example(message=Message(body=b"\xff\x00"))
@example(message=Message(body=b"", headers={"t": {"$table": {"$bytes": "no"}}}))
def test_a_message_survives_a_line_unchanged(message: Message) -> None:
    """Whatever AMQP can carry comes back from its line of JSON, types included."""
    again = through_a_line(message)

    assert again == message
    assert repr(again) == repr(message)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, None),
        (True, True),
        (0, 0),
        (2**63 - 1, 2**63 - 1),
        (1.5, 1.5),
        ("text", "text"),
        (b"\xff", {"$bytes": "/w=="}),
        (b"", {"$bytes": ""}),
        ("a\udcff", {"$text": "Yf8="}),
        (Decimal("1.50"), {"$decimal": "1.50"}),
        (datetime(2026, 1, 1, tzinfo=UTC), {"$timestamp": 1767225600}),
        (FarTimestamp(1767225600000), {"$timestamp": 1767225600000}),
        ([1, [b""]], [1, [{"$bytes": ""}]]),
        ({"a": 1, "b": {}}, {"a": 1, "b": {}}),
        ({"$bytes": 1}, {"$table": {"$bytes": 1}}),
        ({"$own": 1}, {"$table": {"$own": 1}}),
        ({"$table": {}}, {"$table": {"$table": {}}}),
        ({"$bytes": 1, "other": 2}, {"$bytes": 1, "other": 2}),
        ([{"$a": {"$b": 1}}], [{"$table": {"$a": {"$table": {"$b": 1}}}}]),
    ],
)
def test_each_field_type_has_one_form(value: Any, written: Any) -> None:
    """Each AMQP field type is written in one documented form, and that form is read back as the value."""
    record = message_to_record(Message(body=b"", headers={"h": value}))

    assert record["headers"] == {"h": written}
    assert repr(field_from_json(written)) == repr(value)


@pytest.mark.parametrize("headers", [{"$bytes": "text"}, {"$table": 1}, {"$anything": None}])
def test_the_headers_themselves_are_never_taken_for_a_tag(headers: dict[str, Any]) -> None:
    """A message whose only header is named like a tag keeps it."""
    assert through_a_line(Message(body=b"", headers=headers)).headers == headers


@pytest.fixture
def far_east() -> Iterator[None]:
    """Set the process's time zone to one that is not UTC."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "XXX-9"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.usefixtures("far_east")
@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 1, 9, tzinfo=timezone(timedelta(hours=9))),
        datetime(2026, 1, 1),
    ],
)
def test_a_timestamp_does_not_depend_on_the_local_time_zone(moment: datetime) -> None:
    """A record holds the seconds that pika would send; without a zone, a datetime is UTC to both."""
    record = message_to_record(Message(body=b"", headers={"h": moment}))

    assert record["headers"] == {"h": {"$timestamp": 1767225600}}


@pytest.mark.parametrize(
    ("body", "written"),
    [
        (b"", {"body": ""}),
        ("čaj\n\x00".encode(), {"body": "čaj\n\x00"}),
        (b"\xff", {"body_base64": "/w=="}),
        (b"\xed\xa0\x80", {"body_base64": "7aCA"}),
    ],
)
def test_a_body_is_text_where_it_can_be(body: bytes, written: dict[str, str]) -> None:
    """A body of UTF-8 stands as readable text, any other in base64."""
    record = message_to_record(Message(body=body))

    assert {key: value for key, value in record.items() if key.startswith("body")} == written


def test_absent_properties_are_left_out() -> None:
    """A record holds only the properties that are set, apart from id and delivery mode."""
    record = message_to_record(Message(body=b"", message_id=None, priority=0))

    assert record["properties"] == {"message_id": None, "delivery_mode": 2, "priority": 0}


@pytest.mark.parametrize("properties", [{}, {"properties": {}}, {"properties": None}])
def test_a_record_without_an_id_gets_a_new_one(properties: dict[str, Any]) -> None:
    """A record that says nothing of its id is a new message with an id of its own."""
    one = message_from_record({"body": "", **properties})
    other = message_from_record({"body": "", **properties})

    assert normalize_message_id(one.message_id) is not None
    assert one.message_id != other.message_id


def test_an_explicit_null_id_stays_none() -> None:
    """A record of a message without an id stays one without."""
    assert message_from_record({"body": "", "properties": {"message_id": None}}).message_id is None


def test_a_record_needs_only_a_body() -> None:
    """All else has the defaults of a message: persistent, to the default exchange, no headers."""
    message = message_from_record({"body": "hi"})

    assert (message.body, message.exchange, message.routing_key) == (b"hi", "", "")
    assert message.persistent
    assert message.headers == {}


def test_a_consumed_record_can_be_published() -> None:
    """What `consume` writes of a delivery's origin is ignored by `publish`."""
    message = Message(body=b"\xff", exchange="e", routing_key="k")
    record = delivery_to_record(Delivery(message=message, queue="q", delivery_tag=7, redelivered=True))

    assert (record["queue"], record["redelivered"]) == ("q", True)
    assert message_from_record(record) == message


def test_a_recorded_time_comes_back() -> None:
    """To the microsecond, in UTC whatever its zone; `publish` without --speed ignores it."""
    moment = datetime(2026, 11, 26, 13, 0, 0, 5, tzinfo=UTC)
    delivery = Delivery(message=Message(body=b"x"), queue="q", delivery_tag=7, redelivered=False)
    record = decode_record(delivery_to_line(delivery, received_at=time_to_json(moment)))

    assert record["received_at"] == "2026-11-26T13:00:00.000005Z"
    assert received_at(record) == moment
    assert message_from_record(record) == delivery.message
    assert received_at({"received_at": "2026-11-26T14:00:00.000005+01:00"}) == moment


@pytest.mark.parametrize("written", [None, 5, "", "13:00", "2026-11-26T13:00:00", "9999-12-31T23:59:59-10:00"])
def test_a_time_that_is_none_is_refused(written: object) -> None:
    """And one without a zone, which means another moment elsewhere."""
    with pytest.raises(InputError, match="'received_at'"):
        received_at({"received_at": written})


@pytest.mark.parametrize("line", [b'\xef\xbb\xbf{"body": "x"}', b' {"body": "x"} \r'])
def test_a_byte_order_mark_and_spaces_do_no_harm(line: bytes) -> None:
    """The line ends and byte order marks of other systems are not part of the record."""
    assert record_from_line(line).body == b"x"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", "not valid JSON: Expecting value at column 1"),
        (b"{", "not valid JSON: Expecting property name enclosed in double quotes at column 2"),
        (b'{"body": "x"} {}', "not valid JSON: Extra data at column 15"),
        (b'{"body": "\xff"}', "not valid JSON"),
        (b'{"body": NaN}', "not valid JSON"),
        (b'{"body": "", "headers": {"h": Infinity}}', "not valid JSON"),
        (b'{"body": "", "headers": {"h": ' + b"9" * 5000 + b"}}", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "a record must be a JSON object"),
        (b"null", "a record must be a JSON object"),
        (b'"body"', "a record must be a JSON object"),
        (b"{}", "a record needs either 'body' or 'body_base64'"),
        (b'{"body": "", "body_base64": ""}', "a record needs either 'body' or 'body_base64'"),
        (b'{"body": null}', "'body' must be text"),
        (b'{"body": {"json": 1}}', "'body' must be text"),
        (b'{"body": "\\ud800"}', "'body' is not valid Unicode text; use 'body_base64' for bytes"),
        (b'{"body_base64": "&"}', "'body_base64' is not valid base64"),
        (b'{"body_base64": "abc"}', "'body_base64' is not valid base64"),
        (b'{"body_base64": "\xc3\xa4"}', "'body_base64' is not valid base64"),
        (b'{"body_base64": null}', "'body_base64' is not valid base64"),
        (b'{"body_base64": 1234}', "'body_base64' is not valid base64"),
        (b'{"body_base64": ["QUJD"]}', "'body_base64' is not valid base64"),
        (b'{"body": "", "exchange": 1}', "'exchange' must be text"),
        (b'{"body": "", "routing_key": null}', "'routing_key' must be text"),
        (b'{"body": "", "key": "k"}', "unknown key 'key' in a record; known are body, body_base64, exchange"),
        (b'{"body": "", "headers": 5}', "'headers' must be a JSON object"),
        (b'{"body": "", "properties": "p"}', "'properties' must be a JSON object"),
        (b'{"body": "", "properties": {"prio": 1}}', "unknown property 'prio'; known are delivery_mode"),
        (b'{"body": "", "properties": {"delivery_mode": 3}}', "'delivery_mode' must be 1"),
        (b'{"body": "", "properties": {"delivery_mode": true}}', "'delivery_mode' must be 1"),
        (b'{"body": "", "properties": {"delivery_mode": null}}', "'delivery_mode' must be 1"),
        (b'{"body": "", "properties": {"delivery_mode": "2"}}', "'delivery_mode' must be 1"),
    ],
)
def test_a_malformed_record_is_refused(line: bytes, words: str) -> None:
    """A line that is no record is an input error that says what is wrong with it."""
    with pytest.raises(InputError) as caught:
        record_from_line(line)

    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"$bytes": "&"}, "'$bytes' is not valid base64"),
        ({"$bytes": None}, "'$bytes' is not valid base64"),
        ({"$bytes": 1234}, "'$bytes' is not valid base64"),
        *(
            ({"$timestamp": wrong}, "'$timestamp' must be a whole number of seconds")
            for wrong in (None, True, "now", 1.5, [], 10**30, -(10**30))
        ),
        *(
            ({"$decimal": wrong}, "'$decimal' must be a decimal number, written as text")
            for wrong in (None, "", "one", "1,5", 1, 1.1, "NaN", "Infinity", [0, [1], 0])
        ),
        ({"$table": []}, "'$table' must be a JSON object"),
        ({"$table": None}, "'$table' must be a JSON object"),
        ({"$uuid": ""}, "unknown type '$uuid' in a header; known are $bytes, $text, $timestamp, $decimal, $table"),
        ({"$": ""}, "unknown type '$' in a header"),
        ([{"deep": [{"$bytes": 0}]}], "'$bytes' is not valid base64"),
    ],
)
def test_a_malformed_tag_is_refused(value: Any, words: str) -> None:
    """A tagged header value that is malformed is refused, at any depth."""
    with pytest.raises(InputError) as caught:
        field_from_json(value)

    assert words in str(caught.value)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_json_has_no_word_for_is_no_record(number: float) -> None:
    """RabbitMQ has none of these in a header, and what Python would write for them nobody could read."""
    message = Message(body=b"", headers={"h": [{"deep": number}]})

    with pytest.raises(InputError, match=f"a header is {number}, for which JSON has no word"):
        message_to_record(message)


@pytest.mark.parametrize("depth", [400, 600, 900, 100_000])
def test_deep_nesting_is_no_crash(depth: int) -> None:
    """A header nested beyond all use is read or refused; it never ends in a traceback."""
    line = b'{"body": "", "headers": {"h": ' + b"[" * depth + b"]" * depth + b"}}"

    try:
        record_from_line(line)
    except InputError as error:
        assert "nested too deeply" in str(error) or "not valid JSON" in str(error)


@settings(deadline=None)
@given(
    record=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["body", "body_base64", "properties", "headers", "delivery_mode", "$table", "$decimal"])
                | st.text(max_size=3),
                inner,
                max_size=4,
            )
        ),
    )
)
def test_no_json_crashes_the_reader(record: Any) -> None:
    """Any JSON document is a record or an input error, and nothing else."""
    try:
        message_from_record(record)
    except InputError as error:
        assert str(error)
