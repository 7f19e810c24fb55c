"""The histogram of confirms."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amqptool.publish.latency import GROWTH, SHORTEST, Latencies


def latencies(*seconds: float) -> Latencies:
    """Count durations."""
    counted = Latencies()
    for each in seconds:
        counted.add(each)
    return counted


def test_nothing_took_no_time() -> None:
    """Without durations every answer is 0."""
    assert (latencies().quantile(0.5), latencies().longest) == (0, 0)


@pytest.mark.parametrize("seconds", [0.0, 1e-9, 0.003, 1.0, 1e9])
def test_one_duration_is_every_quantile(seconds: float) -> None:
    """The only one is the shortest and the longest, however short or long."""
    one = latencies(seconds)
    assert one.longest == seconds
    assert one.quantile(0.01) == one.quantile(0.99) == pytest.approx(seconds, rel=GROWTH - 1, abs=SHORTEST)


@settings(deadline=None)
@given(st.lists(st.floats(SHORTEST, 100_000), min_size=1), st.floats(0.01, 1))
def test_a_quantile_is_at_most_a_bucket_too_high(seconds: list[float], share: float) -> None:
    """The answer is never below the true one, and at most 5 % above."""
    true = sorted(seconds)[ceil(share * len(seconds)) - 1]
    found = latencies(*seconds).quantile(share)
    assert true * (1 - 1e-9) <= found <= true * GROWTH * (1 + 1e-9)


def test_a_million_durations_take_no_memory() -> None:
    """The histogram has one size."""
    counted = latencies(*(number / 1000 for number in range(10_000)))
    assert counted.quantile(0.5) == pytest.approx(5, rel=GROWTH - 1)
    assert len(counted._counts) == len(Latencies()._counts)
