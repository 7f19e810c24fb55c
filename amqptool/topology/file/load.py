"""From files to a topology: read, build, check; all problems at once."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from amqptool.topology.check import check
from amqptool.topology.expand import expand
from amqptool.topology.file import objects, reading, source
from amqptool.topology.file.content import Content
from amqptool.topology.file.nodes import Mapping, Node, Scalar, Sequence
from amqptool.topology.file.objects import Entry
from amqptool.topology.file.reading import Fields, Unfit
from amqptool.topology.file.variables import Substitution
from amqptool.topology.model import Place, Topology
from amqptool.topology.problems import Problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Mapping as Table

    from amqptool.topology.expand import Key, Places
    from amqptool.topology.model import Binding, Exchange, Queue

#: What `${NAME}` stands for.
Variables: TypeAlias = "Table[str, str]"


@dataclass(slots=True)
class _Draft:
    """What was read so far, of all files."""

    problems: Problems = field(default_factory=Problems)
    exchanges: list[Exchange] = field(default_factory=list)
    queues: list[Queue] = field(default_factory=list)
    bindings: list[Binding] = field(default_factory=list)
    #: Where queues say what becomes of their failed messages.
    failures: dict[Key, Places] = field(default_factory=dict)

    def add(self, root: Mapping) -> None:
        """Read the sections of one file."""
        fields = Fields(root, self.problems)
        for entry in _entries(fields, "exchanges"):
            exchange, bindings = objects.exchange(entry, self.problems)
            self.exchanges += [exchange] if entry.name is not None else []
            self.bindings += bindings
        for entry in _entries(fields, "queues"):
            queue, bindings, places = objects.queue(entry, self.problems)
            self.queues += [queue] if entry.name is not None else []
            self.failures |= {(queue.vhost, queue.name): places} if places else {}
            self.bindings += bindings
        for node in fields.take("bindings", reading.sequence, list[Node]()):
            binding = objects.binding(node, self.problems)
            self.bindings += [binding] if binding is not None else []
        fields.refuse_others("a topology file")

    def finish(self) -> Topology:
        """Check the whole and return it."""
        queues = expand(self.queues, self.failures, (), self.problems)
        topology = Topology(exchanges=tuple(self.exchanges), queues=queues, bindings=tuple(self.bindings))
        check(topology, self.problems)
        self.problems.raise_if_any()
        return topology


def load(sources: Iterable[str | os.PathLike[str] | Content], variables: Variables) -> Topology:
    """Read and check files, or contents of files, that together make one topology; see `Topology.load`."""
    return _build([given if isinstance(given, Content) else _read_file(given) for given in sources], variables)


def parse(content: str | bytes, name: str, variables: Variables) -> Topology:
    """Read and check one file's content; see `Topology.parse`."""
    return load([Content(name, content)], variables)


def _build(contents: Iterable[Content], variables: Variables) -> Topology:
    draft = _Draft()
    names: set[str] = set()
    for content in contents:
        name = content.name
        if name in names:
            draft.problems.add(Place(name, 1, 1), "this file is given twice", "duplicate")
            continue
        names.add(name)
        root = source.read(content.data, name, draft.problems, Substitution(variables))
        if isinstance(root, Mapping):
            draft.add(root)
        else:
            _refuse_root(root, name, draft.problems)
    return draft.finish()


def _refuse_root(root: Node | None, name: str, problems: Problems) -> None:
    wanted = "a topology is a mapping with exchanges, queues and bindings"
    if root is None or (isinstance(root, Scalar) and root.value is None):
        problems.add(Place(name, 1, 1), f"the file is empty; {wanted}", "empty")
    else:
        problems.add(root.place, f"{wanted}, not {reading.describe(root)}", "type")


def _read_file(path: str | os.PathLike[str]) -> Content:
    mode = os.stat(path).st_mode  # noqa: PTH116 - a path, as the caller wrote it, for the error's sake
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))
    with open(path, "rb") as file:  # noqa: PTH123 - see above
        return Content(os.fspath(path), file.read(source.MAX_BYTES + 1))


def _entries(fields: Fields, section: str) -> Iterator[Entry]:
    """Yield the exchanges or queues of a section, in either form."""
    node = fields.node(section)
    if isinstance(node, Mapping):
        for key, body in node.entries.values():
            yield from _shorthand_entry(key, body, section, fields.problems)
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from _listed_entry(item, section, fields.problems)
    elif node is not None and node.value is not None:
        message = f"{section} must be a mapping (name: …) or a list of mappings, not {reading.describe(node)}"
        fields.problems.add(node.place, message, "type")


def _shorthand_entry(key: Scalar, body: Node, section: str, problems: Problems) -> Iterator[Entry]:
    name = _name(key, section, problems)
    if isinstance(body, Scalar) and body.value is None:
        body = Mapping(key.place)
    elif isinstance(body, Scalar):  # `incoming: topic`
        body = Mapping(body.place, entries={"type": (body, body)})
    if isinstance(body, Mapping):
        yield Entry(name=name, mapping=body, place=key.place, listed=False)
    else:
        problems.add(body.place, f"an entry of {section} must be a mapping or a type, not a list", "type")


def _listed_entry(item: Node, section: str, problems: Problems) -> Iterator[Entry]:
    if not isinstance(item, Mapping):
        message = f"an entry of {section} must be a mapping (name: …), not {reading.describe(item)}"
        problems.add(item.place, message, "type")
        return
    entries = dict(item.entries)
    _, name = entries.pop("name", (None, None))
    if name is None:
        problems.add(item.place, f"an entry of {section} has no name", "missing-key")
    body = Mapping(item.place, entries=entries)
    read = None if name is None else _name(name, section, problems)
    yield Entry(name=read, mapping=body, place=item.place, listed=True)


def _name(node: Node, section: str, problems: Problems) -> str | None:
    try:
        return reading.declared_name(node)
    except Unfit as flaw:
        problems.add(node.place, f"the name of this {section.removesuffix('s')} {flaw}", flaw.rule)
        return None
