"""Which deadline has passed, second by second."""

from __future__ import annotations

import pytest

from amqptool.errors import BrokerBlocked, BrokerUnavailable
from amqptool.publish.deadlines import Deadlines
from amqptool.publish.terms import Terms

TERMS = Terms(confirm_timeout=30, blocked_timeout=60, reconnect_timeout=90)


def missed(deadlines: Deadlines, now: float, oldest: float | None = None) -> str | None:
    """Return in words what was missed."""
    error = deadlines.missed(now, oldest)
    assert error is None or isinstance(error, BrokerBlocked | BrokerUnavailable)
    return None if error is None else str(error)


@pytest.mark.parametrize(("oldest", "expected"), [(None, None), (70.0, None), (69.9, "no confirm within 30 s")])
def test_a_confirm_has_so_much_time(oldest: float | None, expected: str | None) -> None:
    """What has waited longest counts."""
    assert missed(Deadlines(TERMS), 100.0, oldest) == expected


def test_an_alarm_has_its_own_time() -> None:
    """While it blocks, no confirm can come, so none is missed."""
    deadlines = Deadlines(TERMS)
    deadlines.on_blocked("low on memory", 100.0)
    deadlines.on_blocked("low on disk", 130.0)
    assert missed(deadlines, 160.0, 10.0) is None
    assert missed(deadlines, 160.1) == "blocked by the broker for 60 s: low on disk"


def test_after_an_alarm_the_time_begins_anew() -> None:
    """The broker begins to read only now."""
    deadlines = Deadlines(TERMS)
    deadlines.on_blocked("low on memory", 100.0)
    deadlines.on_unblocked(140.0)
    assert missed(deadlines, 170.0, 90.0) is None
    assert missed(deadlines, 170.1, 90.0) == "no confirm within 30 s"


def test_a_broker_may_be_gone_for_so_long() -> None:
    """The time counts from the first loss, and the last reason is told."""
    deadlines = Deadlines(TERMS)
    deadlines.on_gone(BrokerUnavailable("lost"), 100.0)
    deadlines.on_gone(BrokerUnavailable("lost again"), 150.0)
    assert missed(deadlines, 189.9, 10.0) is None
    assert missed(deadlines, 190.0) == "no broker for 90 s: lost again"
    deadlines.on_back()
    assert missed(deadlines, 500.0) is None


def test_a_loss_ends_what_an_alarm_meant() -> None:
    """An alarm is told to each connection anew."""
    deadlines = Deadlines(TERMS)
    deadlines.on_blocked("low on memory", 100.0)
    deadlines.on_gone(BrokerUnavailable("lost"), 110.0)
    assert missed(deadlines, 180.0) is None
    deadlines.on_back()
    assert missed(deadlines, 1000.0) is None


@pytest.mark.parametrize(
    ("confirm", "reconnect", "tick"), [(30, 60, 1.0), (0.2, 60, 0.05), (30, 0, 1.0), (30, 0.4, 0.1)]
)
def test_the_clock_is_looked_at_often_enough(confirm: float, reconnect: float, tick: float) -> None:
    """Several times within any deadline, and every second: an alarm is told in that time, too."""
    terms = Terms(confirm_timeout=confirm, blocked_timeout=60, reconnect_timeout=reconnect)
    assert Deadlines(terms).tick == pytest.approx(tick)
