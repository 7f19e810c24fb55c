"""Topic patterns, one by one and in the trie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amqptool.topology.model import Binding
from amqptool.topology.routing.interface import Address
from amqptool.topology.routing.trie import TopicIndex
from amqptool.topology.routing.words import difference, matches, split, typos

WORDS = st.sampled_from(["", "a", "b", "cc", "*", "#", "é"])
KEYS = st.lists(WORDS, max_size=6).map(".".join)
PATTERNS = st.lists(st.one_of(WORDS, st.sampled_from("*#")), max_size=6).map(".".join)

# Seen on RabbitMQ 3.10 and 4.0.
TRUTHS = [
    ("a.#", "a", True),
    ("#.a", "a", True),
    ("a.#.b", "a.b", True),
    ("#.#", "a", True),
    ("#.#", "", True),
    ("*.#.*", "a.b", True),
    ("*.#.*", "a", False),
    ("*", "", False),
    ("#", "", True),
    ("", "", True),
    ("a.*", "a.b.c", False),
    ("*", "a.b", False),
    ("*.x", "a.b.x", False),
    ("a.*.b", "a..b", True),
    ("a.*", "a.", True),
    ("*.a", ".a", True),
    ("a.", "a.", True),
    ("a.", "a", False),
    ("a", "a.", False),
    ("*", "#", True),
    ("a.#.b", "a.x.b.b", True),
    ("#.b.#.b", "b", False),
]


def bound(*patterns: str) -> TopicIndex:
    """Index a binding for each pattern; its destination is the pattern."""
    return TopicIndex(Binding(source="x", destination=pattern, routing_key=pattern) for pattern in patterns)


def hits(index: TopicIndex, *keys: str) -> list[str]:
    """Return the patterns that match, sorted."""
    return sorted(binding.destination for binding in index.matching(Address(keys, {})))


def naive(pattern: list[str], words: list[str]) -> bool:
    """Match as the words of the AMQP specification have it."""
    if not pattern:
        return not words
    if pattern[0] == "#":
        return any(naive(pattern[1:], words[taken:]) for taken in range(len(words) + 1))
    return bool(words) and pattern[0] in ("*", words[0]) and naive(pattern[1:], words[1:])


@pytest.mark.parametrize(("pattern", "key", "matching"), TRUTHS)
def test_patterns_match_as_on_the_broker(pattern: str, key: str, matching: bool) -> None:
    """Alone, and among patterns that split its leaf."""
    assert matches(split(pattern), split(key)) is matching
    assert hits(bound(pattern), key) == [pattern] * matching
    crowd = bound(pattern, f"{pattern}.more", f"{pattern}.else", "a.b.c.d.e", "#.z", "*.z.z")
    assert (pattern in hits(crowd, key)) is matching


@given(PATTERNS, KEYS)
def test_matching_agrees_with_the_specification(pattern: str, key: str) -> None:
    """Going back to the last `#` alone finds every match."""
    assert matches(split(pattern), split(key)) is naive(split(pattern), split(key))


@given(st.lists(PATTERNS, max_size=20), KEYS)
def test_the_trie_finds_what_matches(patterns: list[str], key: str) -> None:
    """Every binding once, also of equal patterns, and no other."""
    assert hits(bound(*patterns), key) == sorted(p for p in patterns if naive(split(p), split(key)))


@given(st.lists(PATTERNS, max_size=10), KEYS, KEYS)
def test_several_keys_find_each_binding_once(patterns: list[str], key: str, other: str) -> None:
    """As with CC."""
    either = [p for p in patterns if naive(split(p), split(key)) or naive(split(p), split(other))]
    assert hits(bound(*patterns), key, other) == sorted(either)


def test_patterns_of_many_wildcards_take_no_longer() -> None:
    """127 times `#` against 128 words is 10^75 ways for whoever tries them all."""
    hostile = bound(
        ".".join("#" * 127), ".".join("#" * 126 + "a"), ".".join(["#", "a"] * 63), ".".join(["#", "b"] * 63)
    )
    assert len(hits(hostile, ".".join("a" * 128))) == 3


@given(PATTERNS, KEYS)
def test_only_a_match_makes_no_difference(pattern: str, key: str) -> None:
    """A distance of 0 is a match."""
    distance, reason = difference(split(pattern), split(key))
    assert (distance == 0) is naive(split(pattern), split(key))
    assert bool(reason) is bool(distance)


@pytest.mark.parametrize(
    ("pattern", "key", "reason"),
    [
        ("publish.appstore", "publish.playstore", "word 2 of the key is 'playstore', not 'appstore'"),
        ("a.b", "a.b.c", "word 3 of the key, 'c', is one too many"),
        ("a.b.c", "a.b", "the key lacks 'c' after its word 2"),
        ("a.b.c", "b.c", "the key lacks 'a' before its word 1"),
        ("*", "", "the key lacks a word for *"),
        ("a.*", "a", "the key lacks a word for * after its word 1"),
        ("x.#.y", "x.a.b.z", "word 4 of the key is 'z', not 'y'"),
        ("a.b", "c.d", "word 1 of the key is 'c', not 'a' (and 1 more)"),
    ],
)
def test_the_first_difference_is_told(pattern: str, key: str, reason: str) -> None:
    """In the words of the topology, with the number of the word."""
    assert difference(split(pattern), split(key)).reason == reason


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("orders.creatd", "orders.created"),
        ("tenant19999x.created", "tenant19999.created"),
        ("tenant1999.deleted", "tenant1999.created"),
    ],
)
def test_near_misses_are_found_among_many(key: str, nearest: str) -> None:
    """What shares the first words is looked at first, then what is a typo away; no more than a bounded number."""
    index = bound(*(f"tenant{n}.created" for n in range(20_000)), "orders.created")
    misses = sorted(index.near(Address((key,), {})), key=lambda miss: miss.distance)
    assert misses[0].binding.destination == nearest
    assert len(misses) <= 1000


def test_typos_are_what_is_known_of_the_words_nearby() -> None:
    """A letter more, less, other or swapped, or another case."""
    known = {"order", "orders", "Order", "odrer", "oder", "ordeR", "ord", "ORDER"}
    assert set(typos("order", known)) == known - {"order", "ord"}
