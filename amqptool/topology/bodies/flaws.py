"""What is wrong with the schemas of a topology: each flaw with its place."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from amqptool.topology.bodies.dialects import DIALECT, dialect_of
from amqptool.topology.bodies.schemas import Schemas, schemas_of
from amqptool.topology.bodies.words import pointer, said
from amqptool.topology.described import nearest_place
from amqptool.topology.file.schema_files import UnreadableSchema
from amqptool.topology.problems import Problems, did_you_mean, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from amqptool.errors import Problem
    from amqptool.topology.described import DescribedMessage
    from amqptool.topology.described import Path as ValuePath
    from amqptool.topology.file.schema_files import SchemaDocument
    from amqptool.topology.model import Place, Topology

_RULE = "schema"
_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
#: Flaws of one schema that are told.
_MOST = 20


def schema_problems(topology: Topology) -> tuple[Problem, ...]:
    """Return what is wrong with the schemas of a topology's messages, in the order of the files.

    Raises:
        ConfigError: the library that this takes is not installed.
    """
    return load_schemas(topology)[1]


def load_schemas(topology: Topology) -> tuple[list[tuple[Schemas, str] | None], tuple[Problem, ...]]:
    """Read the schema of each message, and whatever it refers to; None stands for one that cannot be read.

    With them comes what is wrong. Only schemas with which nothing is wrong can be used.
    """
    problems = Problems()
    of_files = schemas_of(topology)
    found = [_added(of_files[each.place.file], each, at, problems) for at, each in enumerate(topology.messages)]
    for schemas in of_files.values():
        _check(schemas, problems)
    return found, tuple(problems)


def _added(schemas: Schemas, message: DescribedMessage, number: int, problems: Problems) -> tuple[Schemas, str] | None:
    try:
        return schemas, schemas.add(message, number)
    except UnreadableSchema as flaw:
        problems.add(message.place_of(()), f"the schema {quoted(message.schema)} cannot be read: {flaw}", _RULE)
        return None


def _check(schemas: Schemas, problems: Problems) -> None:
    checked: set[str] = set()
    while new := [uri for uri in schemas.documents if uri not in checked]:
        for uri in new:
            checked.add(uri)
            for place, message in _flaws(schemas, uri):
                problems.add(place, message, _RULE)


def _flaws(schemas: Schemas, uri: str) -> Iterator[tuple[Place, str]]:
    document = schemas.documents[uri]
    invalid = list(islice(_invalid(document), _MOST))
    yield from invalid
    if invalid:
        return
    known: dict[int, str] = {}
    for reference in schemas.references(uri):
        if not reference.reason and id(reference.target) not in known:
            known[id(reference.target)] = _flaw_of(reference.target, schemas)
        if reason := reference.reason or known[id(reference.target)]:
            message = f"{_called(reference.path)}: {quoted(reference.text)} leads nowhere: {reason}"
            yield _place(document, reference.path), message


def _flaw_of(target: Any, schemas: Schemas) -> str:
    """Return why what a reference leads to is no schema: it may stand where nobody looks for one."""
    place = schemas.place_of(target)
    if place is None or not place[1]:  # a whole document is looked at by itself
        return ""
    dialect = _dialect(schemas.documents[place[0]].value)
    errors: Iterable[Any] = () if dialect is None else _leaves(_errors(dialect, target))
    return next((f"what is there is no schema: {said(error)}" for error in errors), "")


def _invalid(document: SchemaDocument) -> Iterator[tuple[Place, str]]:
    dialect = _dialect(document.value)
    if dialect is None:
        known = "such as https://json-schema.org/draft/2020-12/schema"
        yield _place(document, ("$schema",)), f"schema /$schema: an unknown dialect; write a known one, {known}"
        return
    for error in _leaves(_errors(dialect, document.value)):
        path = tuple(error.absolute_path)
        yield _place(document, path), f"{_called(path)}: {_said(error, path)}"


def _called(path: ValuePath) -> str:
    return f"schema {pointer(path)}" if path else "schema"


def _said(error: Any, path: ValuePath) -> str:
    """Return what is wrong; of a misspelt type, jsonschema tells nothing but that it is none."""
    if path[-1:] == ("type",) and isinstance(error.instance, str):
        return f"{quoted(error.instance)} is no type of JSON Schema{did_you_mean(error.instance, _TYPES)}"
    return said(error)


def _errors(dialect: Any, value: Any) -> Iterator[Any]:
    checker = dialect(dialect.META_SCHEMA, format_checker=dialect.FORMAT_CHECKER)
    found: Iterator[Any] = checker.iter_errors(value)
    return found


def _dialect(value: Any) -> Any:
    if not isinstance(value, dict) or "$schema" not in value:
        return DIALECT
    return dialect_of(value, None) if isinstance(value["$schema"], str) else None


def _leaves(errors: Iterable[Any]) -> Iterator[Any]:
    """Yield, of errors that have causes in one of several alternatives, the best of these."""
    from jsonschema.exceptions import best_match

    for error in errors:
        yield best_match([error])


def _place(document: SchemaDocument, path: ValuePath) -> Place:
    return nearest_place(document.places, path, document.places[()])
