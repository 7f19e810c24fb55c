"""Headers exchanges: which headers count, and what equals what."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from amqptool.message import FarTimestamp, FieldValue
from amqptool.topology.model import Binding
from amqptool.topology.routing.headers import HeadersIndex
from amqptool.topology.routing.interface import Address

OLD, NEW = (3, 12), (4, 0)
SECOND = datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)


def index(arguments: Mapping[str, FieldValue], rabbitmq: tuple[int, int] = NEW) -> HeadersIndex:
    """Index one binding."""
    return HeadersIndex([Binding(source="x", destination="q", arguments=arguments)], rabbitmq)


def matches(arguments: Mapping[str, FieldValue], headers: Mapping[str, FieldValue]) -> bool:
    """Return whether a binding matches a message."""
    return bool(index(arguments).matching(Address(("",), headers)))


@pytest.mark.parametrize(
    ("arguments", "headers", "matching"),
    [
        ({}, {}, True),
        ({"x-match": "any"}, {"a": 1}, False),
        ({"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}, True),
        ({"a": 1, "b": 2}, {"a": 1}, False),
        ({"x-match": "any", "a": 1, "b": 2}, {"b": 2}, True),
        ({"x-match": "any", "a": 1, "b": 2}, {"a": 2, "b": 1}, False),
        ({"a": None}, {"a": "whatever"}, True),
        ({"a": None}, {"a": None}, True),
        ({"a": 1}, {"a": None}, False),
        ({"x-a": 1}, {}, True),
        ({"x-match": "any", "x-a": 1}, {"x-a": 1}, False),
        ({"x-match": "any-with-x", "x-a": 1}, {"x-a": 1}, True),
        ({"x-match": "all-with-x", "x-a": 1, "b": 1}, {"b": 1}, False),
        ({"x-match": "all-with-x"}, {}, True),
        ({"x-match": "any-with-x", "x-match-a": 1}, {"x-match-a": 1}, True),
        ({"X-a": 1}, {}, False),
    ],
)
def test_x_match_says_which_headers_count(
    arguments: dict[str, FieldValue], headers: dict[str, FieldValue], matching: bool
) -> None:
    """All or any; those that begin with x- only if it says so."""
    assert matches(arguments, headers) is matching


@pytest.mark.parametrize(
    ("wanted", "given", "old", "new"),
    [
        (1, 1, True, True),
        (1, 1.0, True, False),
        (1, True, False, False),
        (0, False, False, False),
        (1, "1", False, False),
        ("1", b"1", True, True),
        ("é", "é".encode(), True, True),
        (SECOND, SECOND, True, False),
        (FarTimestamp(2**40), FarTimestamp(2**40), True, False),
        (1000, SECOND, False, True),
        (1, SECOND, True, False),
        (SECOND, 1, True, True),
        (Decimal("1.50"), Decimal("1.5"), False, False),
        (Decimal(1), 1, False, False),
        ([], {}, True, True),
        ([1], [1], True, True),
        ([1], [1.0], False, False),
        ([SECOND], [SECOND], True, True),
        ([SECOND], [1], False, False),
        (["1"], [b"1"], False, False),
        ({"a": 1, "b": 2}, {"a": 1, "b": 2}, True, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, False, False),
    ],
)
def test_values_equal_as_the_broker_has_it(wanted: FieldValue, given: FieldValue, old: bool, new: bool) -> None:
    """Before RabbitMQ 3.13, and since."""
    for rabbitmq, equal in ((OLD, old), (NEW, new)):
        found = index({"h": wanted}, rabbitmq).matching(Address(("",), {"h": given}))
        assert bool(found) is equal, rabbitmq


@pytest.mark.parametrize(
    ("arguments", "headers", "reason"),
    [
        ({"n": 1}, {"n": "1"}, "header 'n' is '1', not the number 1"),
        ({"n": True}, {"n": "true"}, "header 'n' is 'true', not true"),
        ({"n": 1}, {}, "header 'n' is missing, the number 1 is asked for"),
        ({"n": None}, {}, "header 'n' is missing, any value is asked for"),
        ({"n": "a"}, {"n": None}, "header 'n' is without a value, not 'a'"),
        ({"n": [1]}, {"n": b"a"}, "header 'n' is the bytes \"b'a'\", not the list '[1]'"),
        (
            {"n": SECOND},
            {"n": SECOND},
            "header 'n' is the timestamp 1, which RabbitMQ 3.13 and later find different from a binding's",
        ),
        ({"a": 1, "b": 1}, {}, "header 'a' is missing, the number 1 is asked for (and 1 more)"),
        ({"x-match": "any"}, {}, "it asks for any of no headers, which nothing matches"),
    ],
)
def test_the_header_in_the_way_is_told(
    arguments: dict[str, FieldValue], headers: dict[str, FieldValue], reason: str
) -> None:
    """With its type, which is what is often wrong."""
    assert [miss.reason for miss in index(arguments).near(Address(("",), headers))] == [reason]


def test_what_matches_is_no_near_miss() -> None:
    """It is named among what matched."""
    assert index({"a": 1}).near(Address(("",), {"a": 1})) == []
