"""Topic keys and patterns as words: what matches, and what is different where nothing does."""

from __future__ import annotations

from difflib import SequenceMatcher
from functools import lru_cache
from string import ascii_letters, digits
from typing import TYPE_CHECKING, NamedTuple

from amqptool.topology.problems import quoted

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

#: In a pattern: exactly one word, which may be empty.
ONE = "*"
#: In a pattern: any number of words, also none.
MANY = "#"
WILDCARDS = frozenset({ONE, MANY})

#: What may stand in place of a mistyped letter.
_LETTERS = f"{ascii_letters}{digits}-_."
#: Of longer keys and patterns, only so many words are compared when near misses are sought.
_COMPARED = 16
#: What a word in place of another costs, from the most similar to the least; one too many or too few costs 1.
_LEAST, _MOST = 0.2, 0.95


def split(key: str) -> list[str]:
    """Return the words of a key; the empty key has none, and `a.` has two."""
    return key.split(".") if key else []


def matches(pattern: Sequence[str], words: Sequence[str]) -> bool:
    """Return whether the words of a key match those of a pattern."""
    at = word = resume = 0
    many = -1  # where the last `#` stands; it takes one word more whenever what follows it does not match
    while word < len(words):
        expected = pattern[at] if at < len(pattern) else None
        if expected == MANY:
            many, resume = at, word
            at += 1
        elif expected in (ONE, words[word]):
            at += 1
            word += 1
        elif many >= 0:
            resume += 1
            at, word = many + 1, resume
        else:
            return False
    return all(expected == MANY for expected in pattern[at:])


def overlap(one: Sequence[str], other: Sequence[str]) -> bool:
    """Return whether some key matches both patterns."""
    seen: set[tuple[int, int]] = set()
    todo = [(0, 0)]
    while todo:
        at, by = todo.pop()
        if (at, by) in seen:
            continue
        seen.add((at, by))
        if at == len(one) and by == len(other):
            return True
        todo += _steps(one, other, at, by)
    return False


def _steps(one: Sequence[str], other: Sequence[str], at: int, by: int) -> list[tuple[int, int]]:
    """Return how far two patterns may be taken together; what stands beside a `#` may be a word that it takes."""
    left = one[at] if at < len(one) else None
    right = other[by] if by < len(other) else None
    steps = [(at + 1, by)] if left == MANY else []
    steps += [(at, by + 1)] if right == MANY else []
    if left is None or right is None:
        return steps
    if left == MANY or right == MANY:
        steps += [(at + (left != MANY), by + (right != MANY))]
    elif left == right or ONE in (left, right):
        steps.append((at + 1, by + 1))
    return steps


def typos(word: str, known: Container[str | None]) -> list[str]:
    """Return the known words that are one edit away; looking them up is quick, however many are known."""
    cuts = [(word[:cut], word[cut:]) for cut in range(len(word) + 1)]
    less = [head + tail[1:] for head, tail in cuts if tail]
    swapped = [head + tail[1] + tail[0] + tail[2:] for head, tail in cuts if len(tail) > 1]
    other = [head + letter + tail[1:] for head, tail in cuts if tail for letter in _LETTERS]
    more = [head + letter + tail for head, tail in cuts for letter in _LETTERS]
    edited = dict.fromkeys((*less, *swapped, *other, *more, word.lower(), word.upper(), word.capitalize()))
    return [candidate for candidate in edited if candidate != word and candidate in known]


class Difference(NamedTuple):
    """How far a key is from a pattern, and the first thing to change."""

    distance: float
    reason: str


class _Path(NamedTuple):
    """The cheapest way to align two heads; of equal ones, the one that uses the fewest wildcards."""

    cost: float
    edits: int
    wildcards: int
    #: The first edit.
    first: str


_START = _Path(0, 0, 0, "")


def difference(pattern: Sequence[str], words: Sequence[str]) -> Difference:
    """Compare a key with a pattern, word by word."""
    pattern, words = pattern[:_COMPARED], words[:_COMPARED]
    row = [_START]
    for number, word in enumerate(words, 1):
        row.append(_edited(row[-1], 1, f"word {number} of the key, {quoted(word)}, is one too many"))
    for expected in pattern:
        row = _next_row(row, expected, words)
    path = row[-1]
    more = path.edits - 1
    return Difference(path.cost, path.first + (f" (and {more} more)" if more > 0 else ""))


def _next_row(above: list[_Path], expected: str, words: Sequence[str]) -> list[_Path]:
    """Extend every alignment by one word of the pattern."""
    many = expected == MANY
    lacks = f"the key lacks {'a word for *' if expected == ONE else quoted(expected)}"
    row = [above[0] if many else _edited(above[0], 1, f"{lacks} before its word 1" if words else lacks)]
    for number, word in enumerate(words, 1):
        where = f"{lacks} after its word {number}"
        ways = [
            above[number] if many else _edited(above[number], 1, where),
            row[-1] if many else _edited(row[-1], 1, f"word {number} of the key, {quoted(word)}, is one too many"),
            _aligned(above[number - 1], expected, word, number),
        ]
        row.append(min(ways))
    return row


def _aligned(path: _Path, expected: str, word: str, number: int) -> _Path:
    if expected == word:
        return path
    if expected in WILDCARDS:
        return path._replace(wildcards=path.wildcards + 1)
    return _edited(path, _unlike(word, expected), f"word {number} of the key is {quoted(word)}, not {quoted(expected)}")


def _edited(path: _Path, cost: float, edit: str) -> _Path:
    return path._replace(cost=path.cost + cost, edits=path.edits + 1, first=path.first or edit)


@lru_cache(maxsize=4096)
def _unlike(word: str, other: str) -> float:
    return _MOST - (_MOST - _LEAST) * SequenceMatcher(None, word, other, autojunk=False).ratio()


def unlike(word: str, other: str) -> float:
    """Return how different two words are: 0 for the same, nearly 1 for nothing in common."""
    return 0 if word == other else _unlike(word, other)
