"""The messages of an AsyncAPI document, and the schemas of their bodies, all in one piece."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from amqptool.topology.asyncapi.keys import Keys, key_words
from amqptool.topology.asyncapi.terms import BINDING_VERSION
from amqptool.topology.bodies.schemas import fits_draft7, objects_in
from amqptool.topology.bodies.structure import holds_names, is_data
from amqptool.topology.bodies.words import pointer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from amqptool.topology.asyncapi.terms import Body
    from amqptool.topology.bodies.schemas import Schemas
    from amqptool.topology.described import DescribedMessage
    from amqptool.topology.described import Path as ValuePath

_SCHEMAS = "#/components/schemas/"
#: What AsyncAPI's own schemas, which are draft-07 and more, understand in another way.
_OURS = frozenset({"discriminator", "externalDocs"})
#: What says where a schema is from, and would lead its references elsewhere.
_IDENTITY = frozenset({"$id", "$schema", "$anchor", "$dynamicAnchor"})
_UNSAFE = re.compile(r"[^A-Za-z0-9._~!$&'()*+,;=:@/?-]")
_FORMAT = "application/schema+json;version="
_DIALECTS = {
    "http://json-schema.org/draft-04/schema": "draft-04",
    "http://json-schema.org/draft-06/schema": "draft-06",
    "http://json-schema.org/draft-07/schema": "draft-07",
    "https://json-schema.org/draft/2019-09/schema": "draft-2019-09",
}
_LATEST = "draft-2020-12"


@dataclass(frozen=True, slots=True)
class Components:
    """What channels and operations refer to."""

    #: The key of each described message.
    keys: Mapping[DescribedMessage, str]
    messages: Body = field(default_factory=dict)
    schemas: Body = field(default_factory=dict)


def components_of(messages: Sequence[DescribedMessage], found: Sequence[tuple[Schemas, str]]) -> Components:
    """Return the messages, each with the schema that was found for it."""
    keys = Keys()
    names = {each: keys.new(*_words(each)) for each in messages}
    bundle = _Bundle()
    bodies = {
        names[message]: _message(message, names[message], bundle.key_of(schemas, uri, names[message]))
        for message, (schemas, uri) in zip(messages, found, strict=True)
    }
    return Components(names, bodies, bundle.written())


def _words(message: DescribedMessage) -> tuple[str, ...]:
    return (message.name,) if message.name else (message.exchange or "default", key_words(message.routing_key))


def _message(message: DescribedMessage, key: str, schema: str) -> Body:
    body: Body = {"name": message.name or key}
    if message.description is not None:
        body["description"] = message.description
    if message.content_type is not None:
        body["contentType"] = message.content_type
    payload = {"$ref": f"{_SCHEMAS}{schema}"}
    return {**body, "payload": payload, "bindings": {"amqp": {"bindingVersion": BINDING_VERSION}}}


class _Bundle:
    """Schemas that were in several files, as components of one document that refer to each other there."""

    def __init__(self) -> None:
        self._keys = Keys()
        #: By where they are from.
        self._names: dict[tuple[Schemas, str], str] = {}

    def key_of(self, schemas: Schemas, uri: str, name: str) -> str:
        """Return the key of a schema: the name of its file, or the given one where it is in none."""
        if (schemas, uri) not in self._names:
            stem = uri.rsplit("/", 1)[-1].rsplit(".", 1)[0]
            self._names[schemas, uri] = self._keys.new(name if schemas.is_inline(uri) else stem)
        return self._names[schemas, uri]

    def written(self) -> Body:
        """Return what was added, and what that refers to."""
        made: Body = {}
        while left := [source for source, key in self._names.items() if key not in made]:
            made |= {self._names[source]: self._schema(*source) for source in left}
        return made

    def _schema(self, schemas: Schemas, uri: str) -> Body:
        value = schemas.documents[uri].value
        refs = {reference.path: self._target(schemas, reference.target) for reference in schemas.references(uri)}
        body: Any = _rewritten(value, (), refs)
        if isinstance(body, bool):  # which AsyncAPI does not take here
            body = {} if body else {"not": {}}
        name = _format_of(value)
        return body if name is None else {"schemaFormat": name, "schema": body}

    def _target(self, schemas: Schemas, target: Any) -> str | None:
        """Return the reference to an object within the document; None: it is of no schema here."""
        if (place := schemas.place_of(target)) is None:
            return None
        uri, path = place
        inner = "" if _format_of(schemas.documents[uri].value) is None else "/schema"
        return f"{_SCHEMAS}{self.key_of(schemas, uri, '')}{inner}{_escaped(pointer(path))}"


def _escaped(text: str) -> str:
    """Return a JSON Pointer as the fragment of a URI has it."""
    return _UNSAFE.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), text)


def _rewritten(value: Any, path: ValuePath, refs: Mapping[ValuePath, str | None], *, among_names: bool = False) -> Any:
    if isinstance(value, list):
        return [_rewritten(item, (*path, index), refs) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    made: Body = {}
    for key, item in value.items():
        if is_data(key, among_names=among_names):
            made[key] = item
        elif not (key in _IDENTITY and isinstance(item, str)):
            names = holds_names(key, among_names=among_names)
            made[key] = refs.get((*path, key)) or _rewritten(item, (*path, key), refs, among_names=names)
    return made


def _format_of(value: Any) -> str | None:
    """Return the name of a schema's dialect, if it is not one of AsyncAPI's own, which are more than draft-07."""
    if fits_draft7(value) and not any(_OURS & each.keys() for _, each in objects_in(value)):
        return None
    dialect = value.get("$schema", "") if isinstance(value, dict) else ""
    return _FORMAT + _DIALECTS.get(dialect.rstrip("#"), _LATEST)
