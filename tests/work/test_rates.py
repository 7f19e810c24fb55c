"""Counting by exchange and routing key, in a bounded memory."""

from __future__ import annotations

import pytest

from amqptool.work.rates import LOOKS, Rates, RecentRates, Row


def test_each_pair_has_its_counts() -> None:
    """The most messages come first."""
    rates = Rates()
    for exchange, key, size in [("a", "k", 1), ("b", "k", 10), ("b", "k", 20)]:
        rates.add(exchange, key, size)
    assert rates.rows() == [Row("b", "k", 2, 30), Row("a", "k", 1, 1)]


def test_more_pairs_than_are_kept_are_counted_together() -> None:
    """Nothing is lost from the sum, and those that are kept stay exact."""
    rates = Rates(most=2)
    for key in ("a", "b", "c", "d", "a", "c"):
        rates.add("e", key, 5)
    assert rates.rows() == [Row("e", "a", 2, 10), Row("e", "b", 1, 5), Row(None, None, 3, 15)]


def test_a_rate_is_that_of_late() -> None:
    """What came before the last looks does not count any more."""
    rates = Rates()
    recent = RecentRates(rates)
    for _ in range(100):
        rates.add("e", "k", 1)
    assert [rate for _, rate in recent.look(0.0)] == [0.0]
    for second in range(1, LOOKS + 1):
        rates.add("e", "k", 1)
        [(row, rate)] = recent.look(float(second))
    assert (row.messages, rate) == (100 + LOOKS, pytest.approx(1.0))
    for second in range(LOOKS + 1, 2 * LOOKS + 1):
        [(row, rate)] = recent.look(float(second))
    assert rate == 0.0


def test_a_pair_that_is_new_has_a_rate_at_once() -> None:
    """From nothing at the look before."""
    rates = Rates()
    recent = RecentRates(rates)
    recent.look(0.0)
    rates.add("e", "k", 1)
    assert [rate for _, rate in recent.look(2.0)] == [0.5]
