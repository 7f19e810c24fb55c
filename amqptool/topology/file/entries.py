"""The entries of a section: `name: body` in shorthand, a list of bodies with a `name` in RabbitMQ's form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from amqptool.topology.file import reading
from amqptool.topology.file.exported import LISTED
from amqptool.topology.file.nodes import Mapping, Node, Scalar
from amqptool.topology.file.reading import Unfit
from amqptool.topology.problems import quoted

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from amqptool.topology.file.reading import Read
    from amqptool.topology.model import Place
    from amqptool.topology.problems import Problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What the entries of a section are."""

    #: The section, and the word for one of its entries.
    section: str
    word: str
    #: Reads an entry's name.
    name: Read[str]
    #: The key that a bare word instead of a body stands for: `incoming: topic`.
    short: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry as it stands in the file; without a name if that was wrong (and noted)."""

    word: str
    name: str | None
    mapping: Mapping
    place: Place
    #: In RabbitMQ's list form, where an export says `type: classic` of queues declared without a type.
    listed: bool
    #: In JSON, where what RabbitMQ would import is taken as it is.
    exported: bool = False

    @property
    def left_alone(self) -> Container[str]:
        """The keys that nobody asks for, and that are no mistake."""
        return LISTED[self.word] if self.exported else ()

    @property
    def called(self) -> str:
        """The entry's name in a message."""
        return f"{self.word} {quoted(self.name)}" if self.name is not None else f"the {self.word}"


def shorthand(kind: Kind, entries: Mapping, problems: Problems) -> Iterator[Entry]:
    """Yield the entries of a section that is a mapping."""
    for key, body in entries.entries.values():
        name = _name(kind, key, problems)
        if isinstance(body, Scalar) and body.value is None:
            body = Mapping(key.place)
        elif isinstance(body, Scalar) and kind.short:
            body = Mapping(body.place, entries={kind.short: (body, body)})
        if isinstance(body, Mapping):
            yield Entry(word=kind.word, name=name, mapping=body, place=key.place, listed=False)
        else:
            wanted = f"an entry of {kind.section} must be a mapping{' or a type' if kind.short else ''}"
            problems.add(body.place, f"{wanted}, not {reading.describe(body)}", "type")


def listed(kind: Kind, item: Node, problems: Problems, *, exported: bool) -> Entry | None:
    """Return an entry of a section that is a list; None if it is no mapping (which is noted)."""
    if not isinstance(item, Mapping):
        message = f"an entry of {kind.section} must be a mapping (name: …), not {reading.describe(item)}"
        problems.add(item.place, message, "type")
        return None
    entries = dict(item.entries)
    _, name = entries.pop("name", (None, None))
    if name is None:
        problems.add(item.place, f"an entry of {kind.section} has no name", "missing-key")
    body = Mapping(item.place, entries=entries)
    read = None if name is None else _name(kind, name, problems)
    return Entry(word=kind.word, name=read, mapping=body, place=item.place, listed=True, exported=exported)


def _name(kind: Kind, node: Node, problems: Problems) -> str | None:
    try:
        return kind.name(node)
    except Unfit as flaw:
        problems.add(node.place, f"the name of this {kind.word} {flaw}", flaw.rule)
        return None
