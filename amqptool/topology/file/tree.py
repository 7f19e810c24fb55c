"""Scalars, lists and mappings into a tree of nodes, within bounds: a stack, no recursion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.topology.file.nodes import Mapping, Scalar, Sequence
from amqptool.topology.problems import quoted

if TYPE_CHECKING:
    from amqptool.topology.file.nodes import Node
    from amqptool.topology.model import Place
    from amqptool.topology.problems import Problems

#: Levels of lists and mappings, aliases expanded.
MAX_DEPTH = 32
#: Aliases (`*name`) in a file.
MAX_ALIASES = 100
#: Nodes, counting what each alias repeats: a 10 MiB export of RabbitMQ's has a million, a bomb billions.
MAX_NODES = 2_000_000

TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"


class TreeBuilder:
    """Builds one tree; `root` is None until there is a value."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.root: Node | None = None
        self._aliases = self._nodes = 0
        self._stack: list[Sequence | Mapping] = []
        #: For each open collection, the key that waits for its value.
        self._keys: list[Node | None] = []
        self._anchors: dict[str, Node] = {}

    def scalar(self, node: Scalar, anchor: str | None = None) -> None:
        """Add a scalar."""
        text = node.text
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            self.problems.stop(node.place, "half of a surrogate pair stands alone: no such character", "encoding")
        self._count(1, node.place)
        if anchor is not None:
            self._anchors[anchor] = node
        self._attach(node)

    def open(self, node: Sequence | Mapping, anchor: str | None = None) -> None:
        """Begin a list or a mapping, whose items follow."""
        if len(self._stack) >= MAX_DEPTH:
            self.problems.stop(node.place, TOO_DEEP, "limit")
        self._count(1, node.place)
        if anchor is not None:
            self._anchors[anchor] = node
        self._stack.append(node)
        self._keys.append(None)

    def close(self) -> None:
        """End the list or the mapping that is open."""
        self._keys.pop()
        self._attach(self._stack.pop())

    def alias(self, name: str, place: Place) -> None:
        """Add again what stands at an anchor."""
        node = self._anchor(name, place)
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            self.problems.stop(place, f"more than {MAX_ALIASES} aliases", "limit")
        self._count(node.weight, place)
        if len(self._stack) + node.height > MAX_DEPTH:
            self.problems.stop(place, TOO_DEEP, "limit")
        self._attach(node)

    def _anchor(self, name: str, place: Place) -> Node:
        node = self._anchors.get(name)
        if node is None:
            hint = f"if the text {quoted('*' + name)} is meant, put it in quotes"
            self.problems.stop(place, f"no anchor &{name} stands before this alias; {hint}", "yaml")
        if any(node is opened for opened in self._stack):
            self.problems.stop(place, f"the alias *{name} contains itself", "yaml")
        return node

    def _count(self, nodes: int, place: Place) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            self.problems.stop(place, f"more than {MAX_NODES:,} values, aliases expanded", "limit")

    def _attach(self, node: Node) -> None:
        if not self._stack:
            self.root = node
            return
        parent = self._stack[-1]
        parent.weight += node.weight
        if node.height >= parent.height:
            parent.height = node.height + 1
        if isinstance(parent, Sequence):
            parent.items.append(node)
        elif (key := self._keys[-1]) is None:
            self._keys[-1] = node
        else:
            self._keys[-1] = None
            self._enter(parent, key, node)

    def _enter(self, mapping: Mapping, key: Node, value: Node) -> None:
        if not isinstance(key, Scalar):
            self.problems.add(key.place, "a key must be a text, not a list or a mapping", "yaml")
        elif key.plain and key.text == "<<":
            self.problems.add(key.place, "merge keys (<<) are not supported: write the keys out", "yaml")
        elif key.text in mapping.entries:
            note_twice(key, mapping.entries[key.text][0], self.problems)
        else:
            if isinstance(value, Scalar) and value.plain and not value.text:
                value.place = key.place  # the parser has it at the next token, maybe lines below
            mapping.entries[key.text] = (key, value)


def note_twice(key: Scalar, first: Scalar, problems: Problems) -> None:
    """Note a key that stands there already."""
    message = f"the key {quoted(key.text)} is already given on line {first.place.line}"
    problems.add(key.place, message, "duplicate-key")
