"""Which topic patterns take everything that another one takes."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amqptool.topology.lint.patterns import Patterns, words_of_key, words_of_pattern
from amqptool.topology.routing.words import matches, split

#: Every key of up to five words, of which one is in no pattern.
KEYS = [list(words) for count in range(6) for words in product(["a", "b", "z"], repeat=count)]

patterns = st.lists(st.sampled_from(["a", "b", "*", "#"]), max_size=3).map(".".join)


def covering(pattern: str, others: list[str]) -> set[str]:
    trie: Patterns[str] = Patterns()
    for other in others:
        trie.add(words_of_pattern(other), other)
    return set(trie.covering(words_of_pattern(pattern)))


@pytest.mark.parametrize(
    ("pattern", "wider"),
    [
        ("a.b", {"a.b", "a.*", "*.b", "*.*", "#", "a.#", "#.b", "a.#.b", "*.#"}),
        ("a.*", {"a.*", "*.*", "#", "a.#", "*.#"}),
        ("a.#", {"a.#", "#", "*.#"}),
        ("", {"#", ""}),
        ("#", {"#"}),
        ("#.*", {"#", "*.#"}),
    ],
)
def test_what_covers_a_pattern(pattern: str, wider: set[str]) -> None:
    """A pattern is covered by those that take each of its keys."""
    others = ["a.b", "a.*", "*.b", "*.*", "#", "a.#", "#.b", "a.#.b", "*.#", ""]
    assert covering(pattern, others) == wider


@settings(deadline=None, max_examples=300)
@given(patterns, st.lists(patterns, max_size=4))
def test_covering_is_what_the_keys_say(pattern: str, others: list[str]) -> None:
    """A pattern covers another one only if it takes all of its keys; where that one has no `#`, also if."""
    taken = [key for key in KEYS if matches(split(pattern), key)]
    wider = {other for other in others if all(matches(split(other), key) for key in taken)}
    assert covering(pattern, others) <= wider
    if "#" not in pattern:
        assert covering(pattern, others) == wider


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "*", "#"]), max_size=4).map(".".join), patterns)
def test_keys_are_taken_as_the_broker_takes_them(key: str, pattern: str) -> None:
    """A message's key, in which wildcards are ordinary words, is covered by the patterns that match it."""
    trie: Patterns[None] = Patterns()
    trie.add(words_of_pattern(pattern), None)
    assert bool(list(trie.covering(words_of_key(key)))) == matches(split(pattern), split(key))
