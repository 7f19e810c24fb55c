"""Waits between attempts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amqptool.backoff import Backoff


@pytest.mark.parametrize(("failures", "seconds"), [(1, 0.1), (2, 0.2), (3, 0.4), (7, 6.4), (8, 10), (10**9, 10)])
def test_waits_double_up_to_the_longest(failures: int, seconds: float) -> None:
    """Each failure doubles the wait, until it is as long as it gets, however many there are."""
    assert Backoff(first=0.1, longest=10).after(failures, 0) == pytest.approx(seconds)


@settings(deadline=None)
@given(failures=st.integers(1, 100), chance=st.floats(0, 1))
def test_chance_shortens_by_no_more_than_a_half(failures: int, chance: float) -> None:
    """No two wait alike, and nobody hurries."""
    backoff = Backoff(first=0.1, longest=10)
    longest = backoff.after(failures, 0)
    assert longest / 2 <= backoff.after(failures, chance) <= longest
