"""Keywords that are checked by rules of our own, in every dialect."""

from __future__ import annotations

import json
import struct
import time
from pathlib import Path

import pytest

from amqptool import Message, Topology
from amqptool.topology.bodies.checker import BodyChecker

DIALECTS = [
    "http://json-schema.org/draft-04/schema#",
    "http://json-schema.org/draft-06/schema#",
    "http://json-schema.org/draft-07/schema#",
    "https://json-schema.org/draft/2019-09/schema",
    "https://json-schema.org/draft/2020-12/schema",
]
#: Seconds that a body may take which took minutes.
SOON = 10


def checker(schema: object) -> BodyChecker:
    """Make a checker of one schema."""
    return BodyChecker(Topology.parse(f'queues: {{q: }}\nmessages: [{{exchange: "", schema: {json.dumps(schema)}}}]'))


def fits(schema: object, body: str) -> bool:
    """Return whether a body fits a schema."""
    return checker(schema).flaw(Message(body=body.encode(), routing_key="q")) is None


@pytest.mark.parametrize(
    ("divisor", "body", "expected"),
    [
        (0.01, "19.99", True),
        (0.01, "4.35", True),
        (0.01, "4.355", False),
        (0.1, "1" + "0" * 400, True),
        (0.0005, "1e-3", True),
        (3, "9.0", True),
        (3, "1e300", False),
        (3, "9" * 50, True),
    ],
)
def test_multiples_are_those_of_what_is_written(divisor: float, body: str, expected: bool) -> None:
    """And not of the doubles that stand for it."""
    assert fits({"multipleOf": divisor}, body) is expected


@pytest.mark.parametrize("number", [float("inf"), float("nan")])
def test_no_number_is_a_multiple_of_none(number: float) -> None:
    """MessagePack can say infinity, and what is no number."""
    message = Message(body=b"\xcb" + struct.pack(">d", number), routing_key="q", content_type="application/msgpack")
    assert "is not a multiple of 0.1" in str(checker({"multipleOf": 0.1}).flaw(message))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("[1, 1.0]", False),
        ("[1, true]", True),
        ("[0, false]", True),
        ("[true, true]", False),
        ("[null, null]", False),
        ('["1", 1]', True),
        ("[1.5, 1.5]", False),
        ('[{"a": 1, "b": [2]}, {"b": [2.0], "a": 1}]', False),
        ('[{"a": 1}, {"a": true}]', True),
        ("[{}, []]", True),
        ("[[1, 2], [2, 1]]", True),
    ],
)
def test_items_are_unique_by_value(body: str, expected: bool) -> None:
    """1 is 1.0, and neither is true; the order of properties does not matter."""
    assert fits({"uniqueItems": True}, body) is expected
    assert fits({"uniqueItems": False}, body)


@pytest.mark.parametrize(
    "items",
    [[{"id": number, "name": "x"} for number in range(10_000)], [number * (2**61 - 1) for number in range(30_000)]],
    ids=["objects", "numbers of one hash"],
)
def test_unique_items_take_linear_time(items: list[object]) -> None:
    """Whatever they are."""
    body = json.dumps(items)
    start = time.perf_counter()
    assert fits({"uniqueItems": True}, body)
    assert time.perf_counter() - start < SOON


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (r"^\d+$", "12", True),
        (r"^\d+$", "1\n", False),
        (r"^\d+$", "\u0661", False),
        (r"^\w$", "\u00e4", False),
        (r"^\s$", "\u2003", False),
        (r"^\$$", "$", True),
        (r"^[$\]]$", "$", True),
        (r"^[$\]]$", "x", False),
        (r"^[]$]$", "$", True),
        (r"^[^]$]$", "x", True),
        (r"^[^]$]$", "x\n", False),
        (r"a$|b", "a\n", False),
    ],
)
def test_patterns_are_strict(pattern: str, text: str, expected: bool) -> None:
    """Digits are ASCII, and the end is the end; a `$` that is escaped or in a class is itself."""
    assert fits({"pattern": pattern}, json.dumps(text)) is expected
    for others in ("additionalProperties", "unevaluatedProperties"):
        names = {"patternProperties": {pattern: {"type": "integer"}}, others: False}
        assert fits(names, json.dumps({text: 1})) is expected
        assert not fits(names, json.dumps({text: "x"}))


def test_additional_properties_are_named() -> None:
    """Those that have no schema and match no pattern; or they have one of their own."""
    schema = {"properties": {"a": {}}, "patternProperties": {"^x": {}}}
    body = Message(body=b'{"a": 1, "x1": 1, "b": 1, "c": 1}', routing_key="q")
    closed = str(checker(schema | {"additionalProperties": False}).flaw(body))
    assert closed.endswith("Additional properties are not allowed ('b', 'c' were unexpected)")
    typed = str(checker(schema | {"additionalProperties": {"type": "null"}}).flaw(body))
    assert typed.endswith("1 is not of type 'null' (and 1 more)")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_is_as_strict(tmp_path: Path, dialect: str) -> None:
    """Also in a file that another dialect refers to."""
    strict = {"multipleOf": 0.01, "pattern": "^a$", "uniqueItems": True}
    (tmp_path / "a.json").write_text(json.dumps({"$schema": dialect, "items": strict}))
    (tmp_path / "t.yaml").write_text('queues: {q: }\nmessages: [{exchange: "", schema: {items: {$ref: a.json}}}]')
    found = BodyChecker(Topology.load(tmp_path / "t.yaml"))
    assert found.flaw(Message(body=b'[[19.99, "a", [1, true]]]', routing_key="q")) is None
    assert "does not match '^a$'" in str(found.flaw(Message(body=b'[["a\\n"]]', routing_key="q")))
