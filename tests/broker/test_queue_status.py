"""What follows from the figures of a queue."""

from __future__ import annotations

from math import inf

import pytest

from amqptool.broker.status import Limits, QueueChoice, QueueStatus

NOW = 1_700_000_000.0


def queue(**figures: object) -> QueueStatus:
    """Make a queue that is idle and empty, but for these figures."""
    usual = {"name": "q", "ready": 0, "unacked": 0, "consumers": 0, "incoming": 0.0, "outgoing": 0.0}
    return QueueStatus(**{**usual, **figures})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("figures", "seconds"),
    [
        ({"ready": 90, "unacked": 10, "incoming": 5.0, "outgoing": 15.0}, 10.0),
        ({"ready": 1, "incoming": 5.0, "outgoing": 5.0}, inf),
        ({"ready": 1, "incoming": 6.0, "outgoing": 5.0}, inf),
        ({"ready": 1}, None),
        ({"incoming": 5.0, "outgoing": 5.0}, None),
        ({"ready": 1, "incoming": None, "outgoing": None}, None),
    ],
)
def test_time_to_drain(figures: dict[str, object], seconds: float | None) -> None:
    """It grows, it shrinks, or nothing happens."""
    assert queue(**figures).seconds_to_drain == seconds


@pytest.mark.parametrize(
    ("timestamp", "age"), [(None, None), (1_699_999_990, 10.0), (1_699_999_990_000, 10.0), (1_700_000_100, 0.0)]
)
def test_age(timestamp: int | None, age: float | None) -> None:
    """Publishers write seconds or milliseconds, and their clocks may be ahead."""
    assert queue(head_timestamp=timestamp).age(NOW) == age


@pytest.mark.parametrize(
    ("limits", "breach"),
    [
        (Limits(max_depth=2), "holds 3 messages, more than 2"),
        (Limits(max_unacked=1), "has 2 un-acked messages, more than 1"),
        (Limits(max_age=60), "holds a message of 5m, older than 1m"),
        (Limits(min_consumers=2), "has 1 consumers, fewer than 2"),
        (Limits(max_depth=3, max_unacked=2, max_age=300, min_consumers=1), None),
    ],
)
def test_limits(limits: Limits, breach: str | None) -> None:
    """What is just at a limit is within it."""
    found = queue(ready=1, unacked=2, consumers=1, head_timestamp=int(NOW) - 300)
    assert limits.judge([found], NOW).breaches == ({"q": [breach]} if breach else {})


def test_an_age_that_is_not_known_is_told() -> None:
    """Of a queue that holds something."""
    verdict = Limits(max_age=60).judge([queue(ready=1), queue(name="empty")], NOW)
    assert (verdict.breaches, verdict.unknown) == ({}, ["q"])


def test_choice() -> None:
    """Patterns stand for many, names for themselves, also such that look like a pattern."""
    choice = QueueChoice(("a.*", "b[1]", "c"))
    assert [name for name in ("a.x", "a", "b1", "b[1]", "c", "cc") if choice.takes(name)] == ["a.x", "b1", "b[1]", "c"]
    assert choice.missing(["a.x", "b[1]"]) == ["c"]
    assert not choice.is_names
    assert QueueChoice(("c", "d")).is_names
    assert QueueChoice().takes("anything")


@pytest.mark.parametrize(
    ("limits", "breaches"),
    [
        (Limits(usable=True), ["is down"]),
        (Limits(max_depth=1), ["is down", "does not tell how many messages it holds"]),
        (Limits(max_unacked=1), ["is down", "does not tell how many un-acked messages it has"]),
        (Limits(min_consumers=0), ["is down", "does not tell how many consumers it has"]),
    ],
)
def test_what_tells_nothing_is_not_within_limits(limits: Limits, breaches: list[str]) -> None:
    """A queue whose node is away has a name and a state, and no counts."""
    found = QueueStatus(name="q", ready=None, consumers=None, state="down")
    assert limits.judge([found], NOW).breaches == {"q": breaches}
    assert Limits().judge([found], NOW).breaches == {}


def test_the_age_of_what_tells_nothing_is_not_known() -> None:
    """Although no message is seen in it."""
    assert Limits(max_age=60).judge([QueueStatus(name="q", ready=None, consumers=None)], NOW).unknown == ["q"]


def test_a_queue_that_slows_its_publishers_down_is_well() -> None:
    """It is in use, after all."""
    assert Limits(usable=True).judge([queue(state="flow")], NOW).breaches == {}
