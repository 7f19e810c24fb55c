"""Two patterns overlap if some key matches both."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amqptool.topology.routing.words import matches, overlap, split

PATTERNS = st.lists(st.sampled_from(["a", "b", "*", "#"]), max_size=3)
KEYS = [list(words) for length in range(7) for words in product("ab", repeat=length)]


@given(PATTERNS, PATTERNS)
def test_there_is_a_key_for_both(one: list[str], other: list[str]) -> None:
    """As trying every short key tells; the order does not matter."""
    found = any(matches(one, key) and matches(other, key) for key in KEYS)
    assert overlap(one, other) == overlap(other, one) == found


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("order.created", "order.*", True),
        ("order.#", "#.created", True),
        ("order.*.late", "order.created.*", True),
        ("order", "order.*", False),
        ("", "#", True),
        ("", "*", False),
        ("#.a.#", "b.#", True),
    ],
)
def test_as_people_write_them(one: str, other: str, *, expected: bool) -> None:
    """Words, `*` and `#`."""
    assert overlap(split(one), split(other)) is expected
