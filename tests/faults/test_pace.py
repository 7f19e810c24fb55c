"""There are messages to publish as long as there are strikes to come."""

from __future__ import annotations

from tests.faults.pace import MOST_RATE, is_too_fast, rate
from tests.faults.schedule import schedule


def test_publishing_takes_longer_than_all_strikes_together() -> None:
    """By what they last, and some seconds for each."""
    strikes = schedule(7, messages=3000, faults=12, longest=3.0)
    assert 3000 / rate(3000, strikes) > sum(strike.seconds for strike in strikes) + 4 * len(strikes)


def test_the_fewer_messages_are_left_the_slower_they_come() -> None:
    """Never not at all."""
    strikes = schedule(7, messages=3000, faults=12, longest=3.0)
    assert rate(3000, strikes) > rate(1000, strikes) > rate(1, strikes) == 1


def test_with_nothing_to_come_there_is_no_hurry_beyond_what_is_useful() -> None:
    """They would merely wait."""
    assert rate(1_000_000, []) == MOST_RATE


def test_a_rate_is_changed_only_if_it_is_far_from_what_is_wanted() -> None:
    """Each change takes a restart."""
    assert is_too_fast(40, 30)
    assert not is_too_fast(31, 30)
    assert not is_too_fast(10, 30)
