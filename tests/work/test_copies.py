"""Copies of failed messages, and back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amqptool.carried import check_message
from amqptool.message import Delivery, FieldValue, Message
from amqptool.work.copies import copied, copy_of, original_of
from amqptool.work.ladder import DeadLetter, Rung, Step

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HEADERS = {
    "tenant": "a",
    "CC": ["other"],
    "x-death": [{"count": 1, "queue": "earlier"}],
    "x-first-death-queue": "earlier",
}
SENT = Message(
    body=b"x", exchange="shop", routing_key="order.new", headers=HEADERS, expiration="700", user_id="guest", priority=3
)


def failed(message: Message, step: Step, error: Exception | None = None, *, attempt: int = 1) -> Message:
    """Copy a message whose attempt failed."""
    delivery = Delivery(message=message, queue="q", delivery_tag=1, redelivered=False, attempt=attempt)
    return copy_of(delivery, step, error or ValueError("broken"), rejected=False, at=NOW)


def test_a_copy_goes_to_its_queue_with_nothing_that_leads_it_astray() -> None:
    """No expiration, no foreign user, no CC and no x-death; everything else is as it was."""
    copy = failed(SENT, Rung("wait"))

    assert (copy.exchange, copy.routing_key, copy.expiration, copy.user_id) == ("", "wait", None, None)
    assert (copy.body, copy.message_id, copy.priority) == (SENT.body, SENT.message_id, 3)
    assert {name for name in copy.headers if not name.startswith("amqptool-")} == {"tenant"}
    check_message(copy)


def test_the_original_comes_back_with_its_attempt() -> None:
    """What the wait queue added is gone, and what was set aside is in its place, after any number of copies."""
    copy = SENT
    for attempt in (1, 2, 3):
        copy = failed(copy, Rung("wait"), attempt=attempt)
        copy = replace(copy, routing_key="q", headers={**copy.headers, "x-death": [{"count": 1}]})

    assert original_of(copy, "q") == (SENT, 4)


def test_a_message_that_is_no_copy_is_itself() -> None:
    """Nothing is taken from it, not even headers of these names."""
    assert original_of(SENT, "q") == (SENT, 1)


def test_a_dead_letter_is_itself_where_it_lies_and_begins_anew_where_it_failed() -> None:
    """Whoever looks into the dead-letter queue sees the reasons; sent back as it is, it is a first attempt."""
    dead = failed(SENT, DeadLetter("dead"), attempt=7)

    assert original_of(dead, "dead") == (dead, 1)
    assert original_of(replace(dead, routing_key="q"), "q") == (SENT, 1)


def test_a_copy_of_a_transient_message_is_persistent() -> None:
    """In a quorum queue it was safe all the same; its handler sees it as it was sent."""
    transient = replace(SENT, persistent=False)
    copy = failed(transient, Rung("wait"))

    assert copy.persistent
    assert original_of(copy, "q") == (transient, 2)


def test_headers_of_similar_names_are_the_users() -> None:
    """Only the names that a copy needs are ours."""
    message = replace(SENT, headers={"amqptool-tenant": "a"})
    copy = failed(message, Rung("wait"))

    assert copy.headers["amqptool-tenant"] == "a"
    assert original_of(copy, "q") == (message, 2)


def test_a_dead_letter_that_fails_in_another_queue_keeps_what_it_told() -> None:
    """Who works off a dead-letter queue sees the first reasons in every attempt."""
    dead = failed(SENT, DeadLetter("dead"), ValueError("first"))
    delivery = Delivery(message=dead, queue="dead", delivery_tag=1, redelivered=False)
    copy = copy_of(delivery, Rung("wait"), ValueError("second"), rejected=False, at=NOW)

    assert copy.headers["amqptool-error"] == "ValueError: second"
    assert "amqptool-reason" not in copy.headers
    assert original_of(copy, "dead") == (dead, 2)


class Speechless(Exception):
    """An error that fails at saying what it is."""

    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Speechless(), "Speechless: (no text can be had of it)"),
        (ValueError(), "ValueError"),
        (ValueError("\udc80"), "ValueError: \\udc80"),
    ],
)
def test_any_error_has_a_text(error: Exception, text: str) -> None:
    """No message ends a worker by the error that it causes."""
    copy = failed(SENT, DeadLetter("dead"), error)

    assert copy.headers["amqptool-error"] == text
    check_message(copy)


def test_a_copy_tells_each_failed_attempt() -> None:
    """The history grows by a table for each attempt, and keeps the last twenty."""
    copy = SENT
    for attempt in range(1, 26):
        copy = failed(copy, Rung("wait"), ValueError(f"error {attempt}"), attempt=attempt)

    history: Any = copy.headers["amqptool-history"]
    assert [entry["attempt"] for entry in history] == list(range(6, 26))
    assert history[-1] == {"attempt": 25, "at": NOW, "error": "ValueError: error 25"}


def test_a_dead_letter_tells_why() -> None:
    """Its queue, its reason, its error and the traceback, all of a bounded size."""
    try:
        raise ValueError("\udc80" + "x" * 100_000)
    except ValueError as error:
        copy = failed(SENT, DeadLetter("dead"), error)

    assert (copy.headers["amqptool-queue"], copy.headers["amqptool-reason"]) == ("q", "failed")
    assert str(copy.headers["amqptool-error"]).startswith("ValueError: \\udc80xxx")
    assert len(str(copy.headers["amqptool-error"])) < 1100
    assert len(str(copy.headers["amqptool-traceback"])) < 4100
    check_message(copy)


@pytest.mark.parametrize("told", [True, "2", -7, None, 0, 1.5])
def test_a_forged_attempt_counts_as_the_first(told: Any) -> None:
    """Headers are anybody's; what is no number from 1 is 1."""
    headers = {"amqptool-queue": "q", "amqptool-attempt": told, "amqptool-original": {"exchange": 7, "headers": 3}}
    assert original_of(replace(SENT, headers=headers), "q")[1] == 1


_names = st.sampled_from(["CC", "BCC", "x-death", "x-last-death-reason", "x-delay", "tenant", "x"])


@given(
    headers=st.dictionaries(_names, st.integers() | st.sampled_from(["", "é", "x" * 300]), max_size=5),
    copies=st.integers(1, 4),
)
def test_any_headers_survive(headers: dict[str, Any], copies: int) -> None:
    """Whatever headers a message has, its handler sees them in every attempt."""
    message = copy = replace(SENT, headers=headers)
    for attempt in range(1, copies + 1):
        copy = failed(copy, Rung("wait"), attempt=attempt)

    assert original_of(copy, "q") == (message, copies + 1)


def test_headers_are_copied_at_any_depth() -> None:
    """A publisher may nest them deeper than Python can recur; what is changed in a copy is not in the original."""
    depth = 20_000
    nested: list[FieldValue] = []
    for _ in range(depth):
        nested = [nested]
    headers: dict[str, FieldValue] = {"a": nested, "b": {"c": [1]}}

    copy = copied(headers)
    level: FieldValue = copy["a"]
    for _ in range(depth):
        assert isinstance(level, list)
        [level] = level
    assert level == []
    table = copy["b"]
    assert isinstance(table, dict)
    table["c"] = 2
    assert headers["b"] == {"c": [1]}
