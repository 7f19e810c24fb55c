"""The set of confirmed numbers."""

from __future__ import annotations

import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from amqptool.publish.receipts.numbers import Numbers


@settings(deadline=None)
@given(st.lists(st.integers(0, 5000)), st.lists(st.integers(0, 6000)))
def test_it_is_a_set(added: list[int], asked: list[int]) -> None:
    """It holds what was added, once, and nothing else."""
    numbers = Numbers()
    for number in added:
        numbers.add(number)
    assert len(numbers) == len(set(added))
    assert [number in numbers for number in asked] == [number in set(added) for number in asked]
    assert "1" not in numbers


def test_ten_million_numbers_take_little_memory() -> None:
    """A bit each: the ten millionth costs what the first did, 2.5 MB at most while it grows."""
    tracemalloc.start()
    numbers = Numbers()
    for number in range(0, 10_000_000, 1000):
        numbers.add(number)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(numbers) == 10_000
    assert peak < 4_000_000
