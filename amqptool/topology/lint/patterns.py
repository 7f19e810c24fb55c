"""Topic patterns: which of them take everything that another one takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A pattern's words, in normal form.
Words: TypeAlias = "tuple[str, ...]"
T = TypeVar("T")

ONE, ANY = "*", "#"


def words_of_pattern(pattern: str) -> Words:
    """Return a pattern's words; of wildcards that stand side by side, `*` come first and `#` once, at the end.

    `#.*` and `*.#` take the same keys, so they get the same words.
    """
    words: list[str] = []
    many = False
    for word in pattern.split(".") if pattern else []:
        if word == ANY:
            many = True
            continue
        if many and word != ONE:
            words.append(ANY)
            many = False
        words.append(word)
    return (*words, ANY) if many else tuple(words)


def words_of_key(key: str) -> Words:
    """Return the words of a message's routing key, in which `#` is a word that only wildcards take."""
    return tuple(ONE if word == ANY else word for word in key.split(".")) if key else ()


class _Node(Generic[T]):
    __slots__ = ("children", "loops", "values")

    def __init__(self, *, loops: bool = False) -> None:
        self.children: dict[str, _Node[T]] = {}
        self.values: list[T] = []
        #: Reached by `#`: takes any number of words.
        self.loops = loops


class Patterns(Generic[T]):
    """Patterns, each with a value, in a trie of their words."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, words: Words, value: T) -> None:
        """Add a pattern."""
        node = self._root
        for word in words:
            child = node.children.get(word)
            if child is None:
                child = node.children[word] = _Node(loops=word == ANY)
            node = child
        node.values.append(value)

    def covering(self, words: Words) -> Iterator[T]:
        """Yield the values of the patterns that take whatever a pattern with these words takes.

        Those that do so only because of how many words there are, as `*.#` takes all of `#.a`, are missed.
        """
        seen: set[tuple[int, int]] = set()
        todo = [(self._root, 0)]
        while todo:
            node, index = todo.pop()
            if (id(node), index) in seen:
                continue
            seen.add((id(node), index))
            if index == len(words):
                yield from node.values
            todo += _steps(node, words, index)


def _steps(node: _Node[T], words: Words, index: int) -> Iterator[tuple[_Node[T], int]]:
    if (any_words := node.children.get(ANY)) is not None:
        yield any_words, index
    if index == len(words):
        return
    if node.loops:
        yield node, index + 1
    if words[index] == ANY:  # only another # takes it, above
        return
    for word in {words[index], ONE}:
        if (child := node.children.get(word)) is not None:
            yield child, index + 1
