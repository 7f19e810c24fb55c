"""The JSON Schemas of a topology, inline and in files, and what their `$ref`s lead to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amqptool.extras import importing_for
from amqptool.topology.bodies.dialects import DIALECT, dialect_of
from amqptool.topology.bodies.structure import holds_names, is_data
from amqptool.topology.file.schema_files import SchemaDirectory, SchemaDocument, UnreadableSchema

with importing_for("schema", "checking bodies against JSON Schemas needs"):
    import jsonschema
    from jsonschema_specifications import REGISTRY as SPECIFICATIONS
    from referencing import Registry, Resource
    from referencing.exceptions import Unresolvable, Unretrievable
    from referencing.jsonschema import DRAFT202012, specification_with

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amqptool.topology.described import DescribedMessage
    from amqptool.topology.described import Path as ValuePath
    from amqptool.topology.model import Topology

#: What leads to another schema; a dynamic one must be there as well.
REFERENCES = frozenset({"$ref", "$dynamicRef"})

_FILE = "file://"
_NO_URI = "that is no URI of anything"
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Reference:
    """A `$ref` of a schema, or a `$dynamicRef`."""

    #: Where it stands in its document.
    path: ValuePath
    text: str
    #: What it leads to; None if that cannot be had.
    target: Any
    #: Why not.
    reason: str = ""


class Schemas:
    """The schemas that one topology file names, and the files of its directory that those refer to."""

    def __init__(self, topology_file: str) -> None:
        self._directory = SchemaDirectory(topology_file)
        #: By their URIs, in the order in which they were met.
        self.documents: dict[str, SchemaDocument] = {}
        #: Where each of their objects stands: references lead to these very objects.
        self._places: dict[int, tuple[str, ValuePath]] = {}
        self._indexed: set[str] = set()

    def add(self, message: DescribedMessage, number: int) -> str:
        """Add the schema of a message that has such a number among all, and return its URI.

        Raises:
            UnreadableSchema: it cannot be read.
        """
        if isinstance(message.schema, str):
            uri = self._directory.locate(self._directory.path / message.schema).as_uri()
            self._read(uri)
            return uri
        # Beside the files of the directory, to which its relative references lead, and none of them.
        uri = f"{self._directory.path.as_uri()}/?message={number}"
        self.documents[uri] = SchemaDocument(message.place.file, message.schema, message.schema_places)
        return uri

    def is_inline(self, uri: str) -> bool:
        """Return whether a schema stands in the topology file itself."""
        return uri.startswith(f"{self._directory.path.as_uri()}/?message=")

    def validator(self, uri: str) -> Any:
        """Return what checks values against a schema."""
        dialect = dialect_of(self.documents[uri].value, DIALECT)
        return dialect({"$ref": uri}, registry=self._complete)

    def references(self, uri: str) -> Iterator[Reference]:
        """Yield the references of a document; what they lead to is added to the documents."""
        resource = _resource(self.documents[uri].value)
        yield from _references(resource.contents, (), self._registry.with_resource(uri, resource).resolver(uri))

    def place_of(self, target: Any) -> tuple[str, ValuePath] | None:
        """Return the document that holds an object, and where; None: it is of a dialect's own schemas."""
        for uri in self.documents.keys() - self._indexed:
            self._indexed.add(uri)
            self._places |= {id(each): (uri, path) for path, each in objects_in(self.documents[uri].value)}
        return self._places.get(id(target))

    @cached_property
    def _registry(self) -> Any:
        empty = Registry(retrieve=self._retrieve)  # type: ignore[call-arg]  # the field is called _retrieve
        return SPECIFICATIONS.combine(empty)

    @cached_property
    def _complete(self) -> Any:
        """All documents, once every one of them is known."""
        resources = [(uri, _resource(document.value)) for uri, document in self.documents.items()]
        return self._registry.with_resources(resources).crawl()

    def _retrieve(self, uri: str) -> Resource[Any]:
        if not uri.startswith(f"{_FILE}/"):
            raise UnreadableSchema("amqptool reads no schema from the network: put it into a file")
        path = self._directory.locate(Path(_unescaped(uri.removeprefix(_FILE))))
        self._read(uri, path)
        return _resource(self.documents[uri].value)

    def _read(self, uri: str, path: Path | None = None) -> None:
        if uri not in self.documents:
            located = path or self._directory.locate(Path(_unescaped(uri.removeprefix(_FILE))))
            self.documents[uri] = self._directory.read(located)


def objects_in(value: Any, path: ValuePath = ()) -> Iterator[tuple[ValuePath, dict[str, Any]]]:
    """Yield every object within a value, itself included, with its place."""
    if isinstance(value, dict):
        yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from objects_in(item, (*path, key))


def schemas_of(topology: Topology) -> dict[str, Schemas]:
    """Return the schemas of each file of a topology that describes messages, empty still."""
    return {message.place.file: Schemas(message.place.file) for message in topology.messages}


def fits_draft7(value: Any) -> bool:
    """Return whether a schema of whatever dialect is one of draft-07, too."""
    return bool(jsonschema.Draft7Validator(jsonschema.Draft7Validator.META_SCHEMA).is_valid(value))


def _references(value: Any, path: ValuePath, resolver: Any, *, among_names: bool = False) -> Iterator[Reference]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _references(item, (*path, index), resolver)
    if not isinstance(value, dict):
        return
    if isinstance(text := value.get("$id"), str):
        try:
            inner = resolver.in_subresource(_resource(value))
        except ValueError:
            yield Reference((*path, "$id"), text, None, _NO_URI)
            return
        resolver = inner if path else resolver  # a file is where it is, whatever it says
    for keyword in sorted(REFERENCES & value.keys()):
        if isinstance(value[keyword], str):
            yield _looked_up(resolver, value[keyword], (*path, keyword))
    for key, item in value.items():
        if not is_data(key, among_names=among_names):
            names = holds_names(key, among_names=among_names)
            yield from _references(item, (*path, key), resolver, among_names=names)


def _looked_up(resolver: Any, text: str, path: ValuePath) -> Reference:
    try:
        target = resolver.lookup(text).contents
    except Unresolvable as error:
        return Reference(path, text, None, _reason(error))
    except ValueError:  # of urllib, or of a place in a list that is no number
        return Reference(path, text, None, _NO_URI)
    is_schema = isinstance(target, dict | bool)
    return Reference(path, text, target if is_schema else None, "" if is_schema else "what is there is no schema")


def _reason(error: BaseException) -> str:
    """Return why something cannot be had, in our words where we said why."""
    while not isinstance(error, UnreadableSchema):
        if error.__cause__ is None:
            return "no file is read for it" if isinstance(error, Unretrievable) else "there is nothing there"
        error = error.__cause__
    return str(error)


def _resource(value: Any) -> Resource[Any]:
    dialect = value.get("$schema") if isinstance(value, dict) else None
    specification = specification_with(dialect, default=DRAFT202012) if isinstance(dialect, str) else DRAFT202012
    return specification.create_resource(value)


def _unescaped(text: str) -> str:
    raw = _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), text.encode())
    return raw.decode("utf-8", "surrogateescape")
