"""The JSON Schema of the topology file: it and the loader know the same keys, and agree on examples."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from amqptool.errors import TopologyError
from amqptool.topology import Topology, arguments
from amqptool.topology.problems import quoted
from amqptool.topology.schema import schema

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "topologies").glob("*.yaml"))
SCHEMA = schema()
VALIDATOR = Draft202012Validator(SCHEMA)

VALID = r"""
{"queues": []}
queues:
exchanges: {e: topic, f: x-random, g: {type: headers, internal: true, alternate_exchange: e}}
exchanges: [{name: e, type: topic, durable: true, auto_delete: false, internal: false, vhost: /, arguments: {}}]
exchanges: {d: {type: x-delayed-message, delayed_type: direct}}
queues: {a: , b: quorum, c: {}, d: {type: stream, max_age: 7D}}
queues: [{name: a, type: classic, durable: true, vhost: /, arguments: {x-message-ttl: 5, x-of-a-plugin: [1]}}]
queues: {a: {message_ttl: 1h30m, expires: 5000, max_length_bytes: 64MiB, overflow: reject-publish}}
queues: {a: {retry: [5s, 1m, 600000], dead_letter: true}, b: {dead_letter: a.dead}, c: {dead_letter: false}}
queues:\n  ${A:-a}:\n    max_length: ${MAX:-100}\n    retry:\n    - ${DELAY:-5s}\n    type: ${TYPE:-quorum}
queues: {a: {exclusive: false, single_active_consumer: true, max_priority: 5, bindings: }}
exchanges: {e: topic, f: {type: fanout, bindings: [{source: e, routing_key: "#"}, {source: amq.topic}]}}
exchanges: {e: headers}\nqueues: {a: {bindings: [{source: e, arguments: {x-match: any, n: 1, t: [a]}}]}}
queues: {a: }\nbindings: [{source: amq.topic, destination: a, destination_type: queue, routing_key: k, arguments: {}}]
policies: {p: {pattern: ^a, definition: {message-ttl: 5000, max_length: 5, ha-mode: all}, apply_to: queues}}
policies: [{name: p, pattern: "", definition: {max-length-bytes: 5}, apply-to: all, priority: 1, vhost: /}]
vhosts: [{name: v, default_queue_type: quorum, limits: [], metadata: {tags: []}}]
vhosts: {v: , w: {default_queue_type: null}}
users: [{name: guest}]\npermissions: []\nrabbit_version: 3.10.8\nqueues: []
queues: {a: }\ntests: [{publish: {routing_key: a, headers: {n: 1}}, reaches: [a]}, {publish: {}, reaches: }]
queues: {a: }\ntests: [{publish: {exchange: amq.topic}, reaches: []}]
messages: [{exchange: amq.topic, schema: {type: object}}, {exchange: "", name: a, routing_key: a.*, schema: order.json}]
messages: [{exchange: amq.topic, content_type: a/b, description: c, schema: true, vhost: v}, {exchange: "", schema: {}}]
"""

INVALID = """
[]
queue: {}
exchanges: {e: }
exchanges: {e: topc}
exchanges: {e: {type: topic, durabel: true}}
exchanges: {amq.mine: topic}
exchanges: {e: {}}
exchanges: [{type: topic}]
exchanges: {e: {type: topic, internal: "true"}}
queues: {q: clasic}
queues: {q: {exclusive: true}}
queues: {q: {message_ttl: 5 minutes}}
queues: {q: {message_ttl: -1}}
queues: {q: {max_length_bytes: 64MB/s}}
queues: {q: {arguments: {x-message-ttl: 5s}}}
queues: {q: {arguments: {x-max-length: "5"}}}
queues: {q: {x-max-length: 5}}
queues: {q: {overflow: drop-tail}}
queues: {q: {max_priority: 256}}
queues: {q: {retry: 5s}}
queues: {q: {retry: []}}
queues: {q: {retry: [0]}}
queues: {q: {retry: [5 s]}}
queues: {q: {dead_letter: 7}}
queues: {q: {dead_letter: amq.x}}
queues: {q: {bindings: [{routing_key: a}]}}
queues: {q: {bindings: [{source: amq.topic, arguments: {x-match: some}}]}}
bindings: [{source: amq.topic}]
bindings: [{source: amq.topic, destination: q, destination_type: topic}]
policies: {p: {definition: {}}}
policies: {p: {pattern: a, definition: {message-ttl: 5s}}}
policies: {p: {pattern: a, definition: {}, apply_to: everything}}
tests: [{publish: {exchange: ""}}]
tests: [{publish: {key: a}, reaches: []}]
tests: {a: {}}
messages: {a: {exchange: "", schema: {}}}
messages: [{exchange: amq.topic}]
messages: [{schema: {}}]
messages: [{exchange: "", schema: 7}]
messages: [{exchange: "", schema: ""}]
messages: [{exchange: "", schema: {}, content_type: ""}]
messages: [{exchange: "", schema: {}, routing_keys: a}]
"""


def snippets(text: str) -> list[str]:
    """Return the files that stand in a text, one on a line, its lines joined by \\n."""
    return [line.replace("\\n", "\n") for line in text.strip().splitlines()]


def loads(text: str) -> bool:
    try:
        Topology.parse(text, variables={})
    except TopologyError:
        return False
    return True


def fits(text: str) -> bool:
    return VALIDATOR.is_valid(yaml.load(text, yaml.SafeLoader))


def test_it_is_a_json_schema() -> None:
    """It is valid by the dialect that it names, and plain JSON."""
    Draft202012Validator.check_schema(json.loads(json.dumps(SCHEMA)))
    assert SCHEMA["$schema"] == Draft202012Validator.META_SCHEMA["$id"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples(path: Path) -> None:
    """Every example fits."""
    assert [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(path.read_text()))] == []


@pytest.mark.parametrize("text", snippets(VALID))
def test_what_the_loader_takes(text: str) -> None:
    """What the loader takes fits the schema."""
    assert loads(text)
    assert fits(text)


@pytest.mark.parametrize("text", snippets(INVALID))
def test_what_both_refuse(text: str) -> None:
    """What is wrong in form is wrong for both."""
    assert not loads(text)
    assert not fits(text)


def every_word() -> set[str]:
    """Return every text in the source of the topology package: all keys that the loader asks for are among them."""
    words = {name for scope in arguments.SCOPES for line in arguments.of(scope) for name in (line.name, line.key)}
    for path in (ROOT / "amqptool/topology").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words.add(node.value)
    return {word for word in words if word.isprintable() and word and "${" not in word and len(word) < 60}


WORDS = every_word()

#: Where a mapping with keys of ours may stand: its place in the schema, and how to put it into a file.
LEVELS: list[tuple[str, Any]] = [
    ("", lambda body: body),
    ("vhost", lambda body: {"vhosts": {"x": body}}),
    ("exchange", lambda body: {"exchanges": {"x": body}}),
    ("queue", lambda body: {"queues": {"x": body}}),
    ("policy", lambda body: {"policies": {"x": body}}),
    ("listed_vhost", lambda body: {"vhosts": [body]}),
    ("listed_exchange", lambda body: {"exchanges": [body]}),
    ("listed_queue", lambda body: {"queues": [body]}),
    ("listed_policy", lambda body: {"policies": [body]}),
    ("binding", lambda body: {"bindings": [body]}),
    ("inner_binding", lambda body: {"queues": {"x": {"bindings": [body]}}}),
    ("inner_binding", lambda body: {"exchanges": {"x": {"bindings": [body]}}}),
    ("message", lambda body: {"messages": [body]}),
    ("test", lambda body: {"tests": [body]}),
    ("test/properties/publish", lambda body: {"tests": [{"publish": body, "reaches": []}]}),
]


@pytest.mark.parametrize(("level", "inside"), LEVELS)
def test_the_loader_and_the_schema_know_the_same_keys(level: str, inside: Any) -> None:
    """A key that the loader asks for is in the schema, and no other is."""
    part = SCHEMA["$defs"] if level else SCHEMA
    for step in filter(None, level.split("/")):
        part = part[step]
    known = set(part["properties"])
    assert known <= WORDS
    assert WORDS - {word for words in batched(WORDS) for word in unknown(inside(dict.fromkeys(words)), words)} == known


def batched(words: set[str]) -> Iterator[list[str]]:
    """Yield the words in parts that have fewer problems than are counted."""
    ordered = sorted(words)
    yield from (ordered[start : start + 500] for start in range(0, len(ordered), 500))


def unknown(document: object, words: list[str]) -> set[str]:
    """Return the words that the loader calls unknown, in YAML: JSON may have the keys of listings."""
    with pytest.raises(TopologyError) as caught:
        Topology.parse("---\n" + json.dumps(document))
    problems = "\n".join(str(problem) for problem in caught.value.problems)
    return {word for word in words if f"has no key {quoted(word)}" in problems}


def test_every_key_is_explained() -> None:
    """Editors show what a key means."""
    unexplained: list[str] = []

    def visit(part: Any, path: str) -> None:
        if not isinstance(part, dict):
            return
        for key, value in part.get("properties", {}).items() if isinstance(part.get("properties"), dict) else ():
            if not value.get("description", "").endswith("."):
                unexplained.append(f"{path}/{key}")
        for key, value in part.items():
            visit(value, f"{path}/{key}")

    visit(SCHEMA, "")
    assert unexplained == []
