"""JSON into a draft, section by section and item by item, as fast as a million bindings need it.

Each item is decoded by the standard library's C decoder; what is ordinary becomes an object at once, anything
else is read again as a tree, by the rules for all files and with its exact places.
"""

from __future__ import annotations

from json import JSONDecoder
from typing import TYPE_CHECKING, Any

from amqptool.topology.file import exported, sections, unmanaged
from amqptool.topology.file.json_tree import Reader
from amqptool.topology.file.nodes import MAX_INTEGER
from amqptool.topology.file.ordinary import Ordinary
from amqptool.topology.file.tree import note_twice
from amqptool.topology.model import Unmanaged

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.topology.file.draft import Draft
    from amqptool.topology.file.nodes import Scalar
    from amqptool.topology.file.source import Source
    from amqptool.topology.model import Place

#: Items of the lists of a file.
MAX_ITEMS = 3_000_000
#: Characters of the sections that are kept without being managed.
MAX_UNMANAGED = 32 * 1024 * 1024
#: Characters that the decoder sees at a time: nothing larger is ever built of what nobody looked at.
_WINDOW = 4 * 1024 * 1024
#: Characters that stand at least before the window's end, where an item begins.
_ITEM = 512 * 1024


class _Unusual(ValueError):
    """A value that the decoder must not decide on."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise _Unusual("a key stands twice")
    return table


def _integer(digits: str) -> int:
    if len(digits) > len(str(MAX_INTEGER)) or abs(number := int(digits)) > MAX_INTEGER:
        raise _Unusual("an integer is too large")
    return number


def _float(digits: str) -> float:
    number = float(digits)
    if number - number != 0:
        raise _Unusual("a number is too large")
    return number


def _constant(word: str) -> Any:
    raise _Unusual(word)


_DECODER = JSONDecoder(object_pairs_hook=_pairs, parse_int=_integer, parse_float=_float, parse_constant=_constant)


def read(source: Source, draft: Draft) -> None:
    """Read a file's sections into the draft.

    Raises:
        NotJson: the text is no JSON; what the draft holds is of no use.
        TopologyError: the text cannot be read to its end.
    """
    _File(source, draft).read()


class _File:
    """One file on its way into its draft."""

    def __init__(self, source: Source, draft: Draft) -> None:
        self._text = source.text
        self._draft = draft
        self._reader = Reader(source, draft.problems)
        self._ordinary = Ordinary()
        self._count = self._unmanaged = 0
        self._window_start = 0
        self._window = self._text[:_WINDOW]

    def read(self) -> None:
        """Read the sections, one by one."""
        reader = self._reader
        index = reader.skip(0)
        if self._text[index : index + 1] == "[":
            message = f"{sections.WANTED}, not a list{sections.LIST_HINT}"
            self._draft.problems.stop(reader.lines.place(index), message, "type")
        if self._text[index : index + 1] != "{":
            reader.fail(index, "{")
        index = reader.skip(index + 1)
        if self._text[index : index + 1] != "}":
            index = self._section(index)
            while self._text[index : index + 1] == ",":
                index = self._section(reader.skip(index + 1))
        if self._text[index : index + 1] != "}":
            reader.fail(index, "a comma or }")
        index = reader.skip(index + 1)
        if index < len(self._text):
            reader.fail(index, "the end of the file")
        exported.settle_vhost(self._draft)

    def _section(self, index: int) -> int:
        """Read a key and its value, and return the index of what stands behind them."""
        key, index = self._reader.key(index)
        earlier = self._draft.keys.setdefault(key.text, key)
        if earlier is not key:
            note_twice(key, earlier, self._draft.problems)
            _, index = self._reader.read(index)
        elif self._text[index : index + 1] == "[" and key.text in sections.SECTIONS:
            index = self._managed(key.text, index)
        elif self._text[index : index + 1] == "[" and key.text in unmanaged.SECTIONS:
            index = self._kept(key, index)
        else:
            node, index = self._reader.read(index)
            sections.read_section(key, node, self._draft)
        return self._reader.skip(index)

    def _managed(self, name: str, index: int) -> int:
        """Read the items of a section that is managed."""
        section, add = sections.SECTIONS[name], _adder(name, self._ordinary, self._draft)

        def take(start: int) -> int:
            decoded = self._decoded(start)
            if decoded is not None and add(decoded[0], self._reader.lines.place(start)):
                return decoded[1]
            node, end = self._reader.read(start)
            section.item(node, self._draft)
            return end

        return self._items(index, take)

    def _kept(self, key: Scalar, index: int) -> int:
        """Keep the items of a section that is not managed."""
        kept: list[Any] = []

        def take(start: int) -> int:
            value, end = self._value(start)
            kept.append(value)
            self._unmanaged += end - start
            if self._unmanaged > MAX_UNMANAGED:
                message = f"users, permissions and the like are larger than {MAX_UNMANAGED // 1024**2} MiB"
                self._draft.problems.stop(self._reader.lines.place(start), message, "limit")
            return end

        end = self._items(index, take)
        self._draft.unmanaged.append(Unmanaged(section=key.text, value=kept, place=key.place))
        return end

    def _items(self, index: int, take: Callable[[int], int]) -> int:
        """Take each item of a list, and return the index behind the list."""
        text, reader = self._text, self._reader
        index = reader.skip(index + 1)
        if text[index : index + 1] == "]":
            return index + 1
        while True:
            self._count_item(index)
            index = reader.skip(take(index))
            if text[index : index + 1] != ",":
                break
            index = reader.skip(index + 1)
        if text[index : index + 1] != "]":
            reader.fail(index, "a comma or ]")
        return index + 1

    def _count_item(self, index: int) -> None:
        self._count += 1
        if self._count > MAX_ITEMS:
            self._draft.problems.stop(self._reader.lines.place(index), f"more than {MAX_ITEMS:,} items", "limit")

    def _value(self, start: int) -> tuple[Any, int]:
        """Return any value, and the index behind it."""
        decoded = self._decoded(start)
        # An escape may be half of a surrogate pair, which the decoder lets pass.
        if decoded is not None and self._text.find("\\u", start, decoded[1]) < 0:
            return decoded
        node, end = self._reader.read(start)
        return unmanaged.value(node), end

    def _decoded(self, start: int) -> tuple[Any, int] | None:
        """Return an item and the index behind it, unless it is broken, unusual or too large for the window."""
        if start - self._window_start > _WINDOW - _ITEM:
            self._window_start, self._window = start, self._text[start : start + _WINDOW]
        try:
            item, end = _DECODER.raw_decode(self._window, start - self._window_start)
        except (ValueError, RecursionError):
            return None
        # What ends with the window may go on behind it.
        return (item, self._window_start + end) if end < len(self._window) else None


def _adder(section: str, ordinary: Ordinary, draft: Draft) -> Callable[[Any, Place], bool]:
    """Return what adds an ordinary item of a section to the draft, and says whether it did."""
    table: dict[str, tuple[Callable[[dict[str, Any], Place], Any], list[Any]]] = {
        "exchanges": (ordinary.exchange, draft.exchanges),
        "queues": (ordinary.queue, draft.queues),
        "bindings": (ordinary.binding, draft.bindings),
    }
    if section not in table:
        return lambda _item, _place: False
    make, made = table[section]

    def add(item: Any, place: Place) -> bool:
        thing = make(item, place) if type(item) is dict else None
        if thing is not None:
            made.append(thing)
        return thing is not None

    return add
