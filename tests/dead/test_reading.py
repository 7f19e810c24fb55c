"""What dead letters tell, ours and RabbitMQ's, and what becomes of them when they are sent again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from amqptool.carried import check_message
from amqptool.dead.letter import Failure, parts_of
from amqptool.dead.reading import UNKNOWN, read
from amqptool.message import Delivery, Message
from amqptool.work.copies import copy_of, original_of
from amqptool.work.ladder import DeadLetter, Rung

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SENT = Message(
    body=b"x",
    exchange="shop",
    routing_key="order.new",
    headers={"tenant": "a", "CC": ["other"], "x-death": [{"count": 1, "queue": "earlier"}]},
    expiration="700",
    user_id="guest",
)
#: As RabbitMQ writes it of a message that was rejected in `orders`, waited in `wait`, and was rejected again.
DEATHS: list[Any] = [
    {
        "queue": "orders",
        "reason": "rejected",
        "count": 2,
        "time": NOW,
        "exchange": "shop",
        "routing-keys": ["order.new"],
    },
    {"queue": "wait", "reason": "expired", "count": 1, "time": NOW, "exchange": "", "routing-keys": ["wait"]},
    {
        "queue": "intake",
        "reason": "maxlen",
        "count": 1,
        "time": NOW,
        "exchange": "shop",
        "routing-keys": ["order.new", "other"],
        "original-expiration": "700",
    },
]


def dead(message: Message = SENT, error: Exception | None = None, *, rejected: bool = False) -> Message:
    """Make the dead letter of a message that failed in `orders`, in its second attempt."""
    copy = message
    for attempt, step in ((1, Rung("wait")), (2, DeadLetter("orders.dead"))):
        delivery = Delivery(message=copy, queue="orders", delivery_tag=1, redelivered=False, attempt=attempt)
        copy = copy_of(delivery, step, error or ValueError("no such user"), rejected=rejected, at=NOW)
    return copy


def test_a_dead_letter_of_ours_tells_all() -> None:
    """Why, where, when, how often, and what it was."""
    letter = read(dead())

    assert (letter.reason, letter.queue, letter.at) == ("failed", "orders", NOW)
    assert (letter.error_kind, letter.error) == ("ValueError", "ValueError: no such user")
    assert letter.history == (
        Failure(NOW, "attempt 1: ValueError: no such user"),
        Failure(NOW, "attempt 2: ValueError: no such user"),
    )
    assert letter.traceback is not None
    assert letter.original == SENT


def test_a_dead_letter_of_rabbitmq_tells_of_its_first_death() -> None:
    """Where it was published to, by its first key, and what ended its life there; and of all after it."""
    message = Message(body=b"x", routing_key="orders.dead", headers={"tenant": "a", "x-death": DEATHS})
    letter = read(message)

    assert (letter.reason, letter.queue, letter.at) == ("maxlen", "intake", NOW)
    assert [each.what for each in letter.history] == [
        "maxlen in 'intake'",
        "expired in 'wait'",
        "rejected in 'orders', 2 times",
    ]
    assert letter.original == replace(
        message, exchange="shop", routing_key="order.new", expiration="700", headers={"tenant": "a"}
    )


def test_a_death_that_recurs_is_still_the_first() -> None:
    """RabbitMQ moves it before the others then, as in a retry by rejecting, waiting and rejecting again."""
    again = [{**DEATHS[2], "count": 2, "time": NOW}, DEATHS[1]]
    first = {"x-first-death-queue": "intake", "x-first-death-reason": "maxlen", "x-first-death-exchange": "shop"}
    letter = read(Message(body=b"x", routing_key="dead", headers={"x-death": again, **first}))
    assert (letter.queue, letter.reason) == ("intake", "maxlen")
    assert (letter.original.exchange, letter.original.routing_key) == ("shop", "order.new")


def test_a_copy_that_the_broker_has_ended_tells_of_both() -> None:
    """As one that waited, came back, and reached the delivery limit: it died in its queue, as what it was."""
    delivery = Delivery(message=SENT, queue="orders", delivery_tag=1, redelivered=False)
    copy = copy_of(delivery, Rung("wait"), ValueError("no such user"), rejected=False, at=NOW)
    deaths: list[Any] = [{**DEATHS[0], "reason": "delivery_limit", "count": 1}, DEATHS[1]]
    first = {"x-first-death-queue": "wait", "x-first-death-reason": "expired"}
    letter = read(replace(copy, headers={**copy.headers, "x-death": deaths, **first}))

    assert (letter.queue, letter.reason, letter.error_kind) == ("orders", "delivery_limit", "ValueError")
    assert letter.original == SENT
    assert [each.what for each in letter.history] == [
        "attempt 1: ValueError: no such user",
        "delivery_limit in 'orders'",
    ]
    back = letter.back()
    assert back is not None
    assert original_of(back, "orders") == (SENT, 1)


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        ("ValueError: no such user: bob", ("ValueError", "no such user: bob")),
        ("TimeoutError", ("TimeoutError", "TimeoutError")),
        (None, (None, None)),
    ],
)
def test_an_error_is_a_kind_and_a_message(error: str | None, parts: tuple[str | None, str | None]) -> None:
    """One that says nothing has its kind for a message."""
    assert parts_of(error) == parts


def test_what_rabbitmq_has_moved_on_still_tells_of_its_handler() -> None:
    """As a dead letter of ours does that expired in its queue."""
    copy = dead()
    letter = read(replace(copy, headers={**copy.headers, "x-death": DEATHS, "x-first-death-reason": "expired"}))
    assert (letter.reason, letter.queue) == ("failed", "orders")
    assert letter.original == SENT


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-death": "?"},
        {"x-death": [1, "?"]},
        {"x-death": [{}]},
        {"x-death": [{"queue": 1, "reason": b"?", "time": 0, "exchange": [], "routing-keys": "?", "count": {}}]},
        {"amqptool-reason": 1, "amqptool-queue": 1},
    ],
)
def test_what_tells_nothing_is_read_all_the_same(headers: dict[str, Any]) -> None:
    """Whatever anybody writes into these headers, there is no place to send it back to."""
    letter = read(Message(body=b"x", routing_key="dead", headers=headers))
    assert (letter.reason, letter.queue, letter.at) == (UNKNOWN, None, None)
    assert letter.back() is None


@pytest.mark.parametrize("queue", [1, None, "orders"])
@pytest.mark.parametrize("history", [1, [1], [{}], [{"at": 1, "error": 2, "attempt": []}]])
def test_headers_of_ours_that_others_wrote_are_read_all_the_same(queue: Any, history: Any) -> None:
    """With what is left."""
    headers = {"amqptool-reason": "?", "amqptool-queue": queue, "amqptool-history": history, "amqptool-original": 1}
    letter = read(Message(body=b"x", headers=headers))
    assert (letter.reason, letter.queue, letter.at) == ("?", queue if isinstance(queue, str) else None, None)


def test_sent_back_it_is_the_original_to_a_worker() -> None:
    """In its first attempt; what goes to the queue holds nothing that leads it elsewhere."""
    back = read(dead()).back()

    assert back is not None
    assert (back.exchange, back.routing_key, back.expiration, back.user_id) == ("", "orders", None, None)
    assert back.message_id == SENT.message_id
    assert not {"CC", "x-death", "amqptool-reason", "amqptool-error"} & back.headers.keys()
    assert original_of(back, "orders") == (SENT, 1)
    check_message(back)


def test_sent_back_it_keeps_its_history() -> None:
    """So that a later death tells of all attempts."""
    again = read(dead())
    back = again.back()
    assert back is not None
    assert [each.what for each in read(dead(back)).history] == [each.what for each in again.history] * 2


def test_a_dead_letter_of_rabbitmq_is_sent_back_as_its_original() -> None:
    """Without its deaths, since a broker drops a message whose deaths show a cycle."""
    back = read(Message(body=b"x", routing_key="orders.dead", headers={"tenant": "a", "x-death": DEATHS})).back()
    assert back is not None
    original, attempt = original_of(back, "intake")
    assert (original.exchange, original.routing_key, original.expiration) == ("shop", "order.new", "700")
    assert (dict(original.headers), attempt) == ({"tenant": "a"}, 1)
    assert "x-death" not in back.headers


@pytest.mark.parametrize(
    ("exchange", "key", "target"),
    [("x", None, ("x", "order.new")), (None, "k", ("shop", "k")), ("x", "k", ("x", "k")), ("", "q", ("", "q"))],
)
def test_sent_elsewhere_it_goes_there_alone(exchange: str | None, key: str | None, target: tuple[str, str]) -> None:
    """With what it was published with where nothing is given, and without further keys."""
    sent = read(dead()).sent_to(exchange, key)
    assert (sent.exchange, sent.routing_key) == target
    assert (sent.expiration, sent.user_id, dict(sent.headers)) == (None, None, {"tenant": "a"})


def test_what_a_queue_counts_is_none_of_the_message() -> None:
    """A quorum queue adds how often it has delivered it."""
    copy = dead(replace(SENT, headers={"tenant": "a", "x-delivery-count": 1}))
    assert dict(read(copy).original.headers) == {"tenant": "a"}
