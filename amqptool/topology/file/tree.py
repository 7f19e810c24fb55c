"""YAML events into a tree of nodes, within bounds: a stack, no recursion, no PyYAML composer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from amqptool.topology.file.nodes import Mapping, Scalar, Sequence, resolve
from amqptool.topology.file.variables import MARK, TooLarge
from amqptool.topology.model import Place
from amqptool.topology.problems import quoted

if TYPE_CHECKING:
    from amqptool.topology.file.nodes import Node
    from amqptool.topology.file.variables import Substitution
    from amqptool.topology.problems import Problems

#: Levels of lists and mappings, aliases expanded.
MAX_DEPTH = 32
#: Aliases (`*name`) in a file.
MAX_ALIASES = 100
#: Nodes, counting what each alias repeats: a 10 MiB export of RabbitMQ's has a million, a bomb billions.
MAX_NODES = 2_000_000

TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"

_TAG = "tag:yaml.org,2002:"
_COLLECTION_TAGS = {None, _TAG + "map", _TAG + "seq"}
_SCALAR_TAGS: dict[str, type] = {
    _TAG + "int": int,
    _TAG + "float": float,
    _TAG + "bool": bool,
    _TAG + "null": type(None),
}


class TreeBuilder:
    """Builds the tree of one file; `root` is None until a document has content.

    Without a `substitution`, `${` is a text like any other.
    """

    def __init__(self, name: str, problems: Problems, substitution: Substitution | None = None) -> None:
        self.name = name
        self.problems = problems
        self.substitution = substitution
        self.root: Node | None = None
        self._documents = self._aliases = self._nodes = 0
        self._stack: list[Sequence | Mapping] = []
        #: For each open collection, the key that waits for its value.
        self._keys: list[Node | None] = []
        self._anchors: dict[str, Node] = {}

    def take(self, event: Any) -> None:
        """Add one event to the tree."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._attach(self._anchored(event, self._scalar(event)))
        elif kind in (yaml.SequenceEndEvent, yaml.MappingEndEvent):
            self._close()
        elif kind is yaml.MappingStartEvent:
            self._open(event, Mapping(self._place(event)))
        elif kind is yaml.SequenceStartEvent:
            self._open(event, Sequence(self._place(event)))
        elif kind is yaml.AliasEvent:
            self._attach(self._aliased(event))
        elif kind is yaml.DocumentStartEvent:
            self._start_document(event)

    def _start_document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            self.problems.stop(self._place(event), "a second document begins here; a topology file holds one", "yaml")

    def _place(self, event: Any) -> Place:
        return Place(self.name, event.start_mark.line + 1, event.start_mark.column + 1)

    def _scalar(self, event: Any) -> Scalar:
        place, written, tag = self._place(event), event.value, event.tag
        text = self._filled(written, self.substitution, place) if self.substitution and MARK in written else written
        value = resolve(text) if event.implicit[0] or tag in _SCALAR_TAGS else text
        if tag in _SCALAR_TAGS and type(value) is not _SCALAR_TAGS[tag]:
            self.problems.add(place, f"{quoted(written)} does not fit its tag {_shown(tag)}", "yaml")
        elif tag not in (None, "!", _TAG + "str", *_SCALAR_TAGS):
            self._refuse_tag(place, tag)
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            self.problems.stop(place, "half of a surrogate pair stands alone: no such character", "encoding")
        return Scalar(place, text, value, bool(event.implicit[0]), None if text is written else written)

    def _filled(self, written: str, substitution: Substitution, place: Place) -> str:
        flaws: list[str] = []
        try:
            text = substitution.fill(written, flaws.append)
        except TooLarge as error:
            self.problems.stop(place, str(error), "limit")
        for flaw in flaws:
            self.problems.add(place, flaw, "variable")
        if flaws:
            self.problems.silence(place)
        return text

    def _refuse_tag(self, place: Place, tag: str) -> None:
        self.problems.add(place, f"the tag {_shown(tag)} is not allowed: a topology is plain data", "yaml")

    def _open(self, event: Any, node: Sequence | Mapping) -> None:
        if event.tag not in _COLLECTION_TAGS:
            self._refuse_tag(node.place, event.tag)
        self._check_depth(node, node.place)
        self._anchored(event, node)
        self._stack.append(node)
        self._keys.append(None)

    def _close(self) -> None:
        self._keys.pop()
        self._attach(self._stack.pop())

    def _anchored(self, event: Any, node: Node) -> Node:
        self._count(1, node.place)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _aliased(self, event: Any) -> Node:
        place = self._place(event)
        node = self._anchor(event.anchor, place)
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            self.problems.stop(place, f"more than {MAX_ALIASES} aliases", "limit")
        self._count(node.weight, place)
        self._check_depth(node, place)
        return node

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

    def _check_depth(self, node: Node, place: Place) -> None:
        if len(self._stack) + node.height > MAX_DEPTH:
            self.problems.stop(place, TOO_DEEP, "limit")

    def _attach(self, node: Node) -> None:
        if not self._stack:
            self.root = node
            return
        parent = self._stack[-1]
        parent.weight += node.weight
        parent.height = max(parent.height, node.height + 1)
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
            first = mapping.entries[key.text][0].place
            message = f"the key {quoted(key.text)} is already given on line {first.line}"
            self.problems.add(key.place, message, "duplicate-key")
        else:
            if isinstance(value, Scalar) and value.plain and not value.text:
                value.place = key.place  # the parser has it at the next token, maybe lines below
            mapping.entries[key.text] = (key, value)


def _shown(tag: str) -> str:
    return "!!" + tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag
