"""Files with JSON Schemas: read only within the directory of the topology file that names them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amqptool.errors import TopologyError
from amqptool.topology.file import reading, yaml_tree
from amqptool.topology.file.content import Content, may_be_json
from amqptool.topology.file.described import places_of
from amqptool.topology.file.json_tree import NotJson, Reader
from amqptool.topology.file.source import decode
from amqptool.topology.file.unmanaged import value as value_of
from amqptool.topology.problems import Problems

if TYPE_CHECKING:
    from amqptool.topology.described import Places
    from amqptool.topology.file.nodes import Node
    from amqptool.topology.file.source import Source

#: Bytes of a schema file; large ones have some hundred thousand.
MAX_SCHEMA = 4 * 1024 * 1024


class UnreadableSchema(ValueError):
    """A schema cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class SchemaDocument:
    """A JSON Schema, and where it and its parts stand."""

    #: How it is called in problems.
    name: str
    value: Any
    places: Places


class SchemaDirectory:
    """The directory of a topology file, from which its schemas are read."""

    def __init__(self, topology_file: str) -> None:
        #: As the user named it, for problems.
        self._named = os.path.dirname(topology_file)  # noqa: PTH120 - a path, as the user wrote it
        self.path = Path(self._named or ".").resolve()

    def locate(self, path: Path) -> Path:
        """Return where a file really is.

        Raises:
            UnreadableSchema: it is outside of the directory, also by way of a symbolic link.
        """
        try:
            found = path.resolve()
        except (OSError, RuntimeError, ValueError) as error:
            raise UnreadableSchema(f"{path}: {error}") from error
        if not found.is_relative_to(self.path):
            raise UnreadableSchema("it is outside of the directory of the topology file, where nothing is read")
        return found

    def read(self, path: Path) -> SchemaDocument:
        """Read a file that was located.

        Raises:
            UnreadableSchema: it cannot be read, or is neither JSON nor YAML.
        """
        name = os.path.join(self._named, path.relative_to(self.path))  # noqa: PTH118 - see above
        problems = Problems()
        try:
            node = _tree(decode(Content(name, _bytes(path, name)), problems), problems)
            problems.raise_if_any()
        except NotJson as flaw:
            raise UnreadableSchema(f"{flaw.place}: invalid JSON: {flaw}") from flaw
        except TopologyError as error:
            first = error.problems[0]
            raise UnreadableSchema(f"{first.file}:{first.line}:{first.column}: {first.message}") from error
        if node is None:
            raise UnreadableSchema(f"{name} is empty")
        return SchemaDocument(name, value_of(node), places_of(node))


def _bytes(path: Path, name: str) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise UnreadableSchema(f"{name} is no file")
        with path.open("rb") as file:
            content = file.read(MAX_SCHEMA + 1)
    except OSError as error:
        raise UnreadableSchema(f"{name}: {error.strerror}") from error
    if len(content) > MAX_SCHEMA:
        raise UnreadableSchema(f"{name} is larger than {MAX_SCHEMA // 1024**2} MiB")
    return content


def _tree(source: Source, problems: Problems) -> Node | None:
    if not may_be_json(source.text):
        node = yaml_tree.read(source, problems)
        _refuse_ambiguous(node, problems)
        return node
    reader = Reader(source, problems)
    node, end = reader.read(reader.skip(0))
    if (rest := reader.skip(end)) < len(source.text):
        reader.fail(rest, "the end of the file")
    return node


def _refuse_ambiguous(node: Node | None, problems: Problems) -> None:
    """Note what YAML readers understand differently."""
    try:
        if node is not None:
            reading.field_value(node)
    except reading.Unfit as flaw:
        problems.add(flaw.node.place, f"the value {flaw}", flaw.rule)
