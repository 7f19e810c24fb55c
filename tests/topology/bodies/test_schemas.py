"""The schemas of messages: what is wrong with them is told with its place, and nothing is read that must not be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from amqptool.topology import Topology
from amqptool.topology.bodies.flaws import schema_problems

START = 'queues: {q: }\nmessages:\n  - {exchange: "", routing_key: q, schema: '


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Give the directory of a topology file, with a file outside of it."""
    (tmp_path / "outside.json").write_text('{"type": "string"}')
    (tmp_path / "inside").mkdir()
    return tmp_path / "inside"


def problems(directory: Path, schema: str, **files: object) -> list[str]:
    """Return what is wrong with a schema, and with the files beside it."""
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (directory / f"{name}.json").write_text(text)
    (directory / "t.yaml").write_text(f"{START}{schema}}}\n")
    found = schema_problems(Topology.load(directory / "t.yaml"))
    return [str(problem).removeprefix(f"{directory}/") for problem in found]


@pytest.mark.parametrize(
    "schema",
    ["true", "{}", "{type: [string, 'null']}", "{$ref: '#/$defs/a', $defs: {a: {type: string}}}", "{$ref: a.json}"],
)
def test_good_schemas(directory: Path, schema: str) -> None:
    """Nothing is said of them."""
    assert problems(directory, schema, a={"$ref": "b.json#/$defs/x"}, b={"$defs": {"x": {"$ref": "a.json"}}}) == []


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ("{type: objekt}", "t.yaml:3:51: schema /type: 'objekt' is no type of JSON Schema; did you mean 'object'?"),
        ("{properties: {a: {minimum: x}}}", "t.yaml:3:71: schema /properties/a/minimum: 'x' is not of type 'number'"),
        ("{pattern: '('}", "t.yaml:3:54: schema /pattern: '(' is not a 'regex'"),
        ("{pattern: '(?u)x'}", "t.yaml:3:54: schema /pattern: '(?u)x' is not a 'regex'"),
        ("{pattern: 'a{9999999999}'}", "t.yaml:3:54: schema /pattern: 'a{9999999999}' is not a 'regex'"),
        ("{$schema: 'http://x'}", "t.yaml:3:54: schema /$schema: an unknown dialect"),
        ("{$ref: '#/$defs/a'}", "t.yaml:3:51: schema /$ref: '#/$defs/a' leads nowhere: there is nothing there"),
        ("{$ref: none.json}", "t.yaml:3:51: schema /$ref: 'none.json' leads nowhere: "),
        ("{items: {$dynamicRef: '#a'}}", "t.yaml:3:66: schema /items/$dynamicRef: '#a' leads nowhere"),
        ("{$ref: 'http://127.0.0.1:1/a'}", "t.yaml:3:51: schema /$ref: 'http://127.0.0.1:1/a' leads nowhere: amqptool"),
        ("{$ref: 'http://['}", "t.yaml:3:51: schema /$ref: 'http://[' leads nowhere: that is no URI of anything"),
        ("{$id: 'http://['}", "t.yaml:3:50: schema /$id: 'http://[' leads nowhere: that is no URI of anything"),
        ("{$ref: '#/a', a: [1]}", "t.yaml:3:51: schema /$ref: '#/a' leads nowhere: what is there is no schema"),
        ("{$ref: '#/a', a: {type: x}}", "t.yaml:3:51: schema /$ref: '#/a' leads nowhere: what is there is no schema: "),
        ("none.json", "t.yaml:3:44: the schema 'none.json' cannot be read: "),
        (".", "t.yaml:3:44: the schema '.' cannot be read: "),
    ],
)
def test_bad_schemas(directory: Path, schema: str, expected: str) -> None:
    """Each flaw stands at the part of the schema that is wrong."""
    [problem] = problems(directory, schema)
    assert problem.startswith(expected)
    assert problem.endswith("[schema]")


def test_a_flaw_of_a_file_stands_in_that_file(directory: Path) -> None:
    """Whoever refers to it is right."""
    [problem] = problems(directory, "{$ref: a.json}", a='{"properties":\n  {"b": {"type": "strng"}}}')
    assert problem.startswith("a.json:2:18: schema /properties/b/type: 'strng' is no type")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"type": }', "a.json:1:10: invalid JSON: expected a value, not '}'"),
        ("{} {}", "a.json:1:4: invalid JSON: expected the end of the file"),
        ("[" * 100, "nested more than 32 levels deep"),
        ("", "a.json is empty"),
        ("a: [no]", "a.json:1:5: the value is no, which YAML readers understand differently"),
        ('{"a": 1, "a": 2}', "the key 'a' is already given on line 1"),
    ],
)
def test_a_file_that_is_no_json_and_no_yaml(directory: Path, content: str, reason: str) -> None:
    """It is told where it is wrong, at the place that names the file."""
    [problem] = problems(directory, "a.json", a=content)
    assert problem.startswith("t.yaml:3:44: the schema 'a.json' cannot be read: ")
    assert reason in problem


@pytest.mark.parametrize("schema", ["../outside.json", "{$ref: ../outside.json}", "link.json", "{$ref: a.json}"])
def test_nothing_outside_of_the_directory_is_read(directory: Path, schema: str) -> None:
    """By whatever way: a path, a reference, a link, a reference in a file."""
    (directory / "link.json").symlink_to(directory.parent / "outside.json")
    found = problems(directory, schema, a={"$ref": f"file://{directory.parent}/outside.json"})
    assert len(found) == 1
    assert "outside of the directory of the topology file" in found[0]


def test_names_are_escaped_and_unescaped(directory: Path) -> None:
    """A file may have any name that a URI can say."""
    (directory / "ü %.yaml").write_text("type: string")
    assert problems(directory, "{$ref: '%C3%BC%20%25.yaml'}") == []


def test_a_pipe_is_no_schema(directory: Path) -> None:
    """Whoever opened it would wait for ever."""
    import os

    os.mkfifo(directory / "pipe")
    [problem] = problems(directory, "pipe")
    assert "pipe is no file" in problem


def test_a_part_of_an_older_schema_is_of_its_draft(directory: Path) -> None:
    """A list of schemas under `items` is draft-07's."""
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "$ref": "#/definitions/a"}
    assert problems(directory, "a.json", a=schema | {"definitions": {"a": {"items": [True]}}}) == []


def test_references_go_by_ids_and_anchors(directory: Path) -> None:
    """An `$id` is no reason to ask the network."""
    schema = {"$id": "https://x.example/a", "$defs": {"n": {"$anchor": "name", "type": "string"}}}
    references = {"properties": {"a": {"$ref": "#name"}, "b": {"$ref": "https://x.example/a#/$defs/n"}}}
    assert problems(directory, "a.json", a=schema | references) == []


@pytest.mark.parametrize("names", ["properties", "$defs", "definitions", "patternProperties", "dependentSchemas"])
@pytest.mark.parametrize("name", ["default", "const", "enum", "examples"])
def test_a_name_is_no_keyword(directory: Path, names: str, name: str) -> None:
    """Where schemas stand by names, one that is called as a keyword for data is a schema still."""
    [problem] = problems(directory, f"{{{names}: {{{name}: {{$ref: nope.json}}}}}}")
    assert f"schema /{names}/{name}/$ref: 'nope.json' leads nowhere" in problem


@pytest.mark.parametrize("schema", ["{enum: [{$ref: x}]}", "{properties: {properties: {const: {$ref: x}}}}"])
def test_data_is_no_schema(directory: Path, schema: str) -> None:
    """Whatever it looks like; a property may be called `properties`."""
    assert problems(directory, schema) == []
