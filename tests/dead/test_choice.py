"""Which dead letters are meant, and how many there are of each kind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from amqptool.dead.choice import Choice
from amqptool.dead.groups import Cause, Groups
from amqptool.dead.reading import read
from amqptool.message import Delivery, Message
from amqptool.work.copies import copy_of
from amqptool.work.filters import Condition
from amqptool.work.ladder import DeadLetter

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ID = "0190a1b2-0000-7000-8000-000000000001"


def dead(error: Exception, *, queue: str = "orders", at: datetime = NOW, rejected: bool = False) -> Message:
    """Make a dead letter."""
    message = Message(body=b"x", exchange="shop", routing_key="order.new", message_id=ID)
    delivery = Delivery(message=message, queue=queue, delivery_tag=1, redelivered=False)
    return copy_of(delivery, DeadLetter("dead"), error, rejected=rejected, at=at)


@pytest.mark.parametrize(
    "choice",
    [
        {},
        {"ids": [ID]},
        {"ids": ["another", ID.upper()]},
        {"reasons": ["rejected", "failed"]},
        {"errors": ["ValueError"]},
        {"origins": ["orders"]},
        {"until": NOW},
        {"since": NOW},
        {"where": [Condition.parse("routing_key=order.*")]},
        {"ids": [ID], "reasons": ["failed"], "until": NOW},
    ],
)
def test_a_dead_letter_is_meant(choice: dict[str, Any]) -> None:
    """If all that is said holds; an id in any form, and conditions of what was published."""
    assert Choice(**choice).holds(dead(ValueError("x")))


@pytest.mark.parametrize(
    "choice",
    [
        {"ids": ["another"]},
        {"reasons": ["rejected"]},
        {"errors": ["KeyError"]},
        {"origins": ["other"]},
        {"until": NOW - timedelta(seconds=1)},
        {"since": NOW + timedelta(seconds=1)},
        {"where": [Condition.parse("routing_key=dead")]},
        {"ids": [ID], "reasons": ["rejected"]},
    ],
)
def test_a_dead_letter_is_not_meant(choice: dict[str, Any]) -> None:
    """If one thing that is said does not hold."""
    assert not Choice(**choice).holds(dead(ValueError("x")))


@pytest.mark.parametrize("choice", [{"until": NOW}, {"since": NOW}])
def test_what_does_not_say_when_it_died_is_of_no_age(choice: dict[str, Any]) -> None:
    """Neither older nor newer."""
    assert not Choice(**choice).holds(Message(body=b"x"))


def test_dead_letters_are_counted_by_cause() -> None:
    """With the first and the last time, and what the last one says; the most frequent first."""
    groups = Groups()
    later = NOW + timedelta(hours=1)
    for message in (
        dead(KeyError("k"), rejected=True),
        dead(ValueError("first"), at=later),
        dead(ValueError("second")),
        dead(ValueError("x"), queue="other"),
    ):
        groups.add(read(message))

    first, *others = groups.largest_first()
    assert first.cause == Cause("failed", "ValueError", "orders")
    assert (first.count, first.oldest, first.newest, first.example) == (2, NOW, later, "ValueError: second")
    assert {each.cause for each in others} == {
        Cause("rejected", "KeyError", "orders"),
        Cause("failed", "ValueError", "other"),
    }
