"""Durations and sizes as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amqptool.units import duration, milliseconds, size, size_in_bytes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", 30_000),
        ("5m", 300_000),
        ("1h30m", 5_400_000),
        ("500ms", 500),
        ("7d", 604_800_000),
        ("1d2h3m4s5ms", 93_784_005),
        ("0s", 0),
    ],
)
def test_duration(text: str, expected: int) -> None:
    """A duration is the sum of its parts, in milliseconds."""
    assert milliseconds(text) == expected


@pytest.mark.parametrize(
    ("number", "expected"), [(0, "0s"), (30_000, "30s"), (90_500, "1m30s500ms"), (86_400_000, "1d")]
)
def test_written_duration(number: int, expected: str) -> None:
    """Milliseconds are written in falling units, without those that are none."""
    assert duration(number) == expected


@given(st.integers(0, 10**17))
def test_written_durations_are_read_back(number: int) -> None:
    """Writing loses nothing."""
    assert milliseconds(duration(number)) == number


@pytest.mark.parametrize("text", ["", "30", "s", "30m1h", "1.5h", "-1s", "30 s", "30S", "1" * 16 + "s", "1_0s"])
def test_no_duration(text: str) -> None:
    """What is not written as a duration is none."""
    assert milliseconds(text) is None


@pytest.mark.parametrize(
    ("text", "expected"), [("100B", 100), ("500kB", 500_000), ("64MiB", 67_108_864), ("2GB", 2_000_000_000)]
)
def test_size(text: str, expected: int) -> None:
    """Decimal and binary units of bytes are told apart."""
    assert size_in_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "64", "MiB", "64mb", "1.5GB", "-1B", "64 MiB"])
def test_no_size(text: str) -> None:
    """What is not written as a size is none."""
    assert size_in_bytes(text) is None


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "0B"), (1001, "1001B"), (67_108_864, "64MiB"), (500_000, "500kB"), (10**12, "1TB"), (1_024_000, "1000KiB")],
)
def test_written_size(number: int, expected: str) -> None:
    """Bytes are written in the largest unit that says them exactly."""
    assert size(number) == expected


@given(st.integers(0, 10**15 - 1) | st.integers(0, 10**9).map(lambda number: number * 1024))
def test_written_sizes_are_read_back(number: int) -> None:
    """Writing loses nothing."""
    assert size_in_bytes(size(number)) == number
