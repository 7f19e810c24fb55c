"""JSON into a tree of nodes with their places: exact and slow; it has the last word on what JSON is."""

from __future__ import annotations

import re
from json import JSONDecodeError, JSONDecoder
from math import isfinite
from typing import TYPE_CHECKING, NoReturn

from amqptool.topology.file.nodes import MAX_INTEGER, Mapping, Scalar, Sequence
from amqptool.topology.file.tree import TreeBuilder
from amqptool.topology.model import Place
from amqptool.topology.problems import quoted

if TYPE_CHECKING:
    from amqptool.topology.file.nodes import Node, ScalarValue
    from amqptool.topology.file.source import Source
    from amqptool.topology.problems import Problems

_BLANK = re.compile(r"[ \t\n\r]*")

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)((?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)")
_WORD = re.compile(r"[-+.\w]+")
_WORDS: dict[str, ScalarValue] = {"true": True, "false": False, "null": None}
_NO_NUMBERS = frozenset({"NaN", "Infinity", "-Infinity"})
#: Digits that an integer of 64 bits may have; not all that have so many fit.
_MAX_DIGITS = 19
_STRINGS = JSONDecoder()


class NotJson(ValueError):
    """A text is no JSON; the message says why, and `place` where."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.place = place


class Lines:
    """Where characters of a source stand, asked for in the order of the text: each line break is counted once."""

    def __init__(self, source: Source) -> None:
        self._name = source.name
        self._text = source.text
        self._line = 1
        self._line_start = self._counted = 0

    def place(self, index: int) -> Place:
        """Return where a character stands, which is none before the one that was asked for last."""
        if breaks := self._text.count("\n", self._counted, index):
            self._line += breaks
            self._line_start = self._text.rindex("\n", self._counted, index) + 1
        self._counted = index
        return Place(self._name, self._line, index - self._line_start + 1)


class Reader:
    """Reads values where they stand in a source, each into a tree of its own."""

    def __init__(self, source: Source, problems: Problems) -> None:
        self.text = source.text
        self.lines = Lines(source)
        self.problems = problems

    def read(self, index: int) -> tuple[Node, int]:
        """Return the value that begins at an index, and the index behind it.

        Raises:
            NotJson: there is no value.
            TopologyError: the value is beyond bounds.
        """
        return _Value(self).read(index)

    def key(self, index: int) -> tuple[Scalar, int]:
        """Return the key that begins at an index, and the index of its value."""
        if self.text[index : index + 1] != '"':
            self.fail(index, "a key in double quotes")
        key, index = self.string(index)
        index = self.skip(index)
        if self.text[index : index + 1] != ":":
            self.fail(index, "a colon behind the key")
        return key, self.skip(index + 1)

    def string(self, index: int) -> tuple[Scalar, int]:
        """Return the text in quotes that begins at an index, and the index behind it."""
        place = self.lines.place(index)
        try:
            text, end = _STRINGS.raw_decode(self.text, index)
        except JSONDecodeError as error:
            said = error.msg.removesuffix(" at").removesuffix(" starting").rstrip(": ")
            raise NotJson(self.lines.place(error.pos), said[:1].lower() + said[1:]) from None
        return Scalar(place, text, text, plain=False), end

    def number(self, index: int) -> tuple[Scalar, int] | None:
        """Return the number that begins at an index, if there is one, and the index behind it."""
        match = _NUMBER.match(self.text, index)
        if match is None:
            return None
        place, text = self.lines.place(index), match[0]
        value = int(text) if not match[1] and len(text.lstrip("-")) <= _MAX_DIGITS else float(text)
        if not isfinite(value) or (abs(value) > MAX_INTEGER and not match[1]):
            self.problems.add(place, f"the number {quoted(text)[1:-1]} is out of range: AMQP has 64 bits", "number")
            self.problems.silence(place)
        return Scalar(place, text, value, plain=True), match.end()

    def word(self, index: int) -> tuple[Scalar, int]:
        """Return true, false or null, and the index behind it."""
        match = _WORD.match(self.text, index)
        word = match[0] if match else ""
        if word in _NO_NUMBERS:
            self.problems.stop(self.lines.place(index), f"{word} is no number in JSON", "json")
        if match is None or word not in _WORDS:
            self.fail(index, "a value")
        return Scalar(self.lines.place(index), word, _WORDS[word], plain=True), match.end()

    def skip(self, index: int) -> int:
        """Return the index of the next character that is not blank."""
        match = _BLANK.match(self.text, index)
        return match.end() if match else index

    def fail(self, index: int, wanted: str) -> NoReturn:
        """Say that something else was wanted than what stands at an index.

        Raises:
            NotJson: always.
        """
        match = _WORD.match(self.text, index)
        found = match[0] if match else self.text[index : index + 1]
        said = quoted(found) if found else "the end of the file"
        raise NotJson(self.lines.place(index), f"expected {wanted}, not {said}")


class _Value:
    """Reads one value. It calls itself no deeper than the tree's bound on levels."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._text = reader.text
        self._tree = TreeBuilder(reader.problems)
        #: The brackets that end what is open.
        self._closing: list[str] = []

    def read(self, index: int) -> tuple[Node, int]:
        """Return the value and the index behind it."""
        index = self._value(index)
        while self._closing:
            index = self._more(self._reader.skip(index))
        if self._tree.root is None:
            self._reader.fail(index, "a value")
        return self._tree.root, index

    def _value(self, index: int) -> int:
        """Take a value, or a list or mapping as far as its first value."""
        character = self._text[index : index + 1]
        if character == "{":
            self._tree.open(Mapping(self._reader.lines.place(index)))
            return self._first(index, "}")
        if character == "[":
            self._tree.open(Sequence(self._reader.lines.place(index)))
            return self._first(index, "]")
        if character == '"':
            scalar, index = self._reader.string(index)
        else:
            scalar, index = self._reader.number(index) or self._reader.word(index)
        self._tree.scalar(scalar)
        return index

    def _first(self, index: int, closing: str) -> int:
        self._closing.append(closing)
        index = self._reader.skip(index + 1)
        if self._text[index : index + 1] == closing:
            return self._close(index)
        return self._item(index, closing)

    def _more(self, index: int) -> int:
        """Take what stands behind a value: the next one, or the end of its list or mapping."""
        character, closing = self._text[index : index + 1], self._closing[-1]
        if character == closing:
            return self._close(index)
        if character != ",":
            self._reader.fail(index, f"a comma or {closing}")
        return self._item(self._reader.skip(index + 1), closing)

    def _item(self, index: int, closing: str) -> int:
        if closing == "}":
            key, index = self._reader.key(index)
            self._tree.scalar(key)
        return self._value(index)

    def _close(self, index: int) -> int:
        self._closing.pop()
        self._tree.close()
        return index + 1
