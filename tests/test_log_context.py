"""What a record of a log tells of the message that is being handled."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from amqptool import LogContextFilter
from amqptool.log_context import handled
from amqptool.testing import make_delivery

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
DELIVERY = make_delivery(
    queue="orders",
    message_id="m-1",
    correlation_id="42",
    attempt=2,
    headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"},
)


@pytest.fixture
def _handling() -> Iterator[None]:
    token = handled.set(DELIVERY)
    yield
    handled.reset(token)


def told(**extra: Any) -> dict[str, Any]:
    """Return what the filter lets a record tell."""
    record = logging.makeLogRecord(extra)
    assert LogContextFilter().filter(record)
    return {name: vars(record)[name] for name in ("queue", "message_id", "attempt", "correlation_id", "trace_id")}


@pytest.mark.usefixtures("_handling")
def test_a_record_tells_of_the_message() -> None:
    """Its ids, its queue and its attempt."""
    assert told() == {
        "queue": "orders",
        "message_id": "m-1",
        "attempt": 2,
        "correlation_id": "42",
        "trace_id": TRACE,
    }


def test_elsewhere_there_is_nothing_to_tell() -> None:
    """The attributes are there all the same, for formats that name them."""
    assert set(told().values()) == {None}


@pytest.mark.usefixtures("_handling")
def test_what_a_record_says_itself_stays() -> None:
    """A field of its own is not replaced."""
    assert told(queue="mine")["queue"] == "mine"
    assert told(queue="mine")["message_id"] == "m-1"


@pytest.mark.usefixtures("_handling")
def test_a_record_about_another_message_tells_nothing_of_this_one() -> None:
    """Not even what it does not say itself."""
    assert told(message_id="m-2") == {
        "queue": None,
        "message_id": "m-2",
        "attempt": None,
        "correlation_id": None,
        "trace_id": None,
    }
