"""The bindings of a topic exchange, by the words of their patterns.

A node is a dict from a pattern's next word to a node, or to a leaf: the bindings of one pattern. A leaf stands as
high as it can, at the first word that it shares with no other pattern, so a million patterns need hardly more entries
than that. A leaf that is met on the way may therefore not match: its pattern is compared then.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from amqptool.topology.routing.interface import MAX_CANDIDATES, NEAREST, NearMiss
from amqptool.topology.routing.words import MANY, ONE, WILDCARDS, difference, matches, split, typos

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from amqptool.topology.model import Binding
    from amqptool.topology.routing.interface import Address

_Leaf: TypeAlias = "list[Binding]"
#: The key None: patterns that end here.
_Node: TypeAlias = "dict[str | None, _Node | _Leaf]"


class TopicIndex:
    """The bindings of a topic exchange."""

    def __init__(self, bindings: Iterable[Binding]) -> None:
        self._root: _Node = {}
        for binding in bindings:
            self._add(binding)

    def _add(self, binding: Binding) -> None:
        node = self._root
        for depth, word in enumerate(split(binding.routing_key), 1):
            child = node.get(word)
            if child is None:
                node[word] = [binding]
                return
            if isinstance(child, list):
                if child[0].routing_key == binding.routing_key:
                    child.append(binding)
                    return
                child = node[word] = {_word(child, depth): child}
            node = child
        ends = node.setdefault(None, [])
        if isinstance(ends, list):
            ends.append(binding)

    def matching(self, address: Address) -> list[Binding]:
        """Return the bindings that match one of the keys."""
        leaves: dict[int, _Leaf] = {}
        for key in address.keys:
            leaves |= self._leaves(split(key))
        return [binding for leaf in leaves.values() for binding in leaf]

    def _leaves(self, words: list[str]) -> dict[int, _Leaf]:
        """Walk all paths at once: at most one step per node and word, whatever the patterns are."""
        met: dict[int, _Leaf] = {}
        #: The nodes below a `#`: what follows it may begin at any later word.
        waiting: dict[int, _Node] = {}
        nodes = [self._root]
        for word in words:
            _open(nodes, waiting, met)
            nodes = [*waiting.values(), *_step(nodes, word, met)]
        _open(nodes, waiting, met)
        ends = [leaf for node in nodes if isinstance(leaf := node.get(None), list)]
        found = {id(leaf): leaf for leaf in met.values() if matches(split(leaf[0].routing_key), words)}
        return found | {id(leaf): leaf for leaf in ends}

    def near(self, address: Address) -> list[NearMiss]:
        """Return bindings whose patterns are like one of the keys."""
        return [miss for key in address.keys for miss in self._near(split(key))]

    def _near(self, words: list[str]) -> Iterator[NearMiss]:
        for leaf in islice(self._around(words), MAX_CANDIDATES):
            distance, reason = difference(split(leaf[0].routing_key), words)
            if distance:
                yield from (NearMiss(binding, reason, distance) for binding in leaf[:NEAREST])

    def _around(self, words: list[str]) -> Iterator[_Leaf]:
        """Walk the trie, first where it agrees with the words."""
        stack: list[tuple[_Node | _Leaf, int]] = [(self._root, 0)]
        while stack:
            node, depth = stack.pop()
            if isinstance(node, list):
                yield node
                continue
            choices = _choices(node, words[depth] if depth < len(words) else None)
            stack += [(node[choice], depth + 1) for choice in reversed(choices)]


def _choices(node: _Node, word: str | None) -> list[str | None]:
    """Return a bounded number of a node's branches, those that agree with the word first."""
    agreeing = [choice for choice in (word, ONE, MANY) if choice in node]
    similar = typos(word, node) if word is not None and len(node) > MAX_CANDIDATES else []
    return list(dict.fromkeys((*agreeing, *similar, *islice(node, MAX_CANDIDATES))))


def _word(leaf: _Leaf, depth: int) -> str | None:
    words = split(leaf[0].routing_key)
    return words[depth] if depth < len(words) else None


def _open(nodes: list[_Node], waiting: dict[int, _Node], met: dict[int, _Leaf]) -> None:
    """Enter what stands below the `#` of nodes, as if it took no word."""
    for node in nodes:  # grows
        child = node.get(MANY)
        if isinstance(child, list):
            met[id(child)] = child
        elif child is not None and id(child) not in waiting:
            waiting[id(child)] = child
            nodes.append(child)


def _step(nodes: list[_Node], word: str, met: dict[int, _Leaf]) -> list[_Node]:
    """Return the nodes that one word leads to."""
    reached: list[_Node] = []
    for choice in (ONE,) if word in WILDCARDS else (ONE, word):
        for node in nodes:
            child = node.get(choice)
            if isinstance(child, list):
                met[id(child)] = child
            elif child is not None:
                reached.append(child)
    return reached
