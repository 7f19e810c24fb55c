"""YAML into a tree of nodes with their places, from the parser's events.

PyYAML's composer and constructors are not used: libyaml's composer kills the process on deep nesting, and
both expand aliases, keep the last of duplicate keys and guess types. The event stream is flat and safe.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from amqptool.topology.file.nodes import Mapping, Scalar, Sequence, resolve
from amqptool.topology.file.tree import TOO_DEEP, TreeBuilder
from amqptool.topology.file.variables import MARK, TooLarge
from amqptool.topology.model import Place
from amqptool.topology.problems import quoted

if TYPE_CHECKING:
    from amqptool.topology.file.nodes import Node
    from amqptool.topology.file.source import Source
    from amqptool.topology.file.variables import Substitution
    from amqptool.topology.problems import Problems

#: libyaml where PyYAML has it: tens of times faster, and it takes tabs in JSON, as JSON does.
PARSER: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAG = "tag:yaml.org,2002:"
_COLLECTION_TAGS = {None, _TAG + "map", _TAG + "seq"}
_SCALAR_TAGS: dict[str, type] = {
    _TAG + "int": int,
    _TAG + "float": float,
    _TAG + "bool": bool,
    _TAG + "null": type(None),
}


def read(
    source: Source, problems: Problems, substitution: Substitution | None = None, *, parser: Any = PARSER
) -> Node | None:
    """Return the tree of a file's text, or None if it holds nothing.

    Without a `substitution`, `${` is a text like any other.

    Raises:
        TopologyError: the text cannot be read to its end.
    """
    if found := _UNPRINTABLE.search(source.text):
        message = f"the character U+{ord(found[0]):04X} is not allowed in YAML"
        problems.stop(source.place(found.start()), message, "encoding")
    try:
        return _Events(source.name, problems, substitution).read(parser(source.text))
    except yaml.YAMLError as error:
        problems.stop(*_syntax_problem(error, source))


class _Events:
    """The events of one file, on their way into the tree."""

    def __init__(self, name: str, problems: Problems, substitution: Substitution | None) -> None:
        self.name = name
        self.problems = problems
        self.substitution = substitution
        self._tree = TreeBuilder(problems)
        self._documents = 0

    def read(self, parser: Any) -> Node | None:
        """Take every event, and return the tree."""
        actions = {
            yaml.ScalarEvent: lambda event: self._tree.scalar(self._scalar(event), event.anchor),
            yaml.MappingStartEvent: lambda event: self._open(event, Mapping(self._place(event))),
            yaml.SequenceStartEvent: lambda event: self._open(event, Sequence(self._place(event))),
            yaml.MappingEndEvent: lambda _: self._tree.close(),
            yaml.SequenceEndEvent: lambda _: self._tree.close(),
            yaml.AliasEvent: lambda event: self._tree.alias(event.anchor, self._place(event)),
            yaml.DocumentStartEvent: self._start_document,
        }
        try:
            while parser.check_event():
                event = parser.get_event()
                if (action := actions.get(type(event))) is not None:
                    action(event)
        finally:
            parser.dispose()
        return self._tree.root

    def _start_document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            self.problems.stop(self._place(event), "a second document begins here; a topology file holds one", "yaml")

    def _place(self, event: Any) -> Place:
        mark = event.start_mark
        return Place(self.name, mark.line + 1, mark.column + 1)

    def _scalar(self, event: Any) -> Scalar:
        place, written, tag, plain = self._place(event), event.value, event.tag, bool(event.implicit[0])
        text = self._filled(written, self.substitution, place) if self.substitution and MARK in written else written
        if tag is None:
            value = resolve(text) if plain else text
        else:
            value = self._tagged(place, text, written, tag, plain=plain)
        return Scalar(place, text, value, plain, None if text is written else written)

    def _tagged(self, place: Place, text: str, written: str, tag: str, *, plain: bool) -> Any:
        value = resolve(text) if plain or tag in _SCALAR_TAGS else text
        if tag in _SCALAR_TAGS and type(value) is not _SCALAR_TAGS[tag]:
            self.problems.add(place, f"{quoted(written)} does not fit its tag {_shown(tag)}", "yaml")
        elif tag not in ("!", _TAG + "str", *_SCALAR_TAGS):
            self._refuse_tag(place, tag)
        return value

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
        self._tree.open(node, event.anchor)


def _shown(tag: str) -> str:
    return "!!" + tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag


def _syntax_problem(error: yaml.YAMLError, source: Source) -> tuple[Place, str, str]:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return source.place(0), str(error).splitlines()[0], "yaml"
    place = Place(source.name, mark.line + 1, mark.column + 1)
    said = ": ".join(filter(None, (getattr(error, "context", None), getattr(error, "problem", None))))
    if "maximum nesting depth" in said:  # libyaml's own bound, from 0.2.6 on: it looks ahead, and may stop first
        return place, TOO_DEEP, "limit"
    return place, said + _hint(said, _around(source.text, mark.line, mark.column)), "yaml"


def _around(text: str, line: int, column: int) -> tuple[str, str]:
    """Return the characters before and at a position, as far as there are any."""
    written = text.splitlines()[line : line + 1]
    return ("".join(written)[:column][-1:], "".join(written)[column : column + 1])


def _hint(said: str, around: tuple[str, str]) -> str:
    if "an alias" in said:
        return '; a text that begins with * must stand in quotes: "*.error"'
    if around == ("$", "{"):
        return "; inside {…} and […] a ${VARIABLE} must stand in quotes, and one that is no text on a line of its own"
    if "cannot start any token" not in said:
        return ""
    if around[1] == "\t":
        return "; YAML is indented with spaces, not with tabs"
    return f"; a text that begins with {around[1]} must stand in quotes"
