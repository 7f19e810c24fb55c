"""Topology files as documents: valid ones of each language, and what can be done to them."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

from amqptool.topology.schema import schema
from tests.fuzz import mutate, oddities

_HERE = Path(__file__).parents[1]
FILES = (
    *sorted((_HERE.parent / "topologies").glob("*.yaml")),
    *sorted((_HERE / "topology/file/exports").glob("*.json")),
)
#: What the files say, apart from those that take long.
CONTENTS = tuple(path.read_bytes() for path in FILES if path.stat().st_size < 8_000)
#: Everything that a topology file can say, once.
EVERYTHING: dict[str, Any] = {
    "vhosts": {"shop": {"description": "a shop", "tags": ["a"], "default_queue_type": "quorum", "metadata": {}}},
    "exchanges": {
        "incoming": "topic",
        "by-format": {"type": "headers", "internal": True, "alternate_exchange": "unsorted", "arguments": {"x": 1}},
        "unsorted": {"type": "fanout", "durable": False, "auto_delete": True, "bindings": [{"source": "incoming"}]},
        "late": {"type": "x-delayed-message", "arguments": {"x-delayed-type": "direct"}},
    },
    "queues": {
        "a": {
            "type": "quorum",
            "message_ttl": "1d",
            "delivery_limit": 5,
            "max_length": 1000,
            "max_length_bytes": "64MiB",
            "overflow": "reject-publish",
            "single_active_consumer": True,
            "dead_letter": True,
            "dead_letter_strategy": "at-least-once",
            "retry": ["5s", "1m"],
            "bindings": [{"source": "incoming", "routing_key": "a.#", "arguments": {"x": [1, "b", {"c": None}]}}],
        },
        "b": {"durable": False, "auto_delete": True, "expires": "1h", "max_priority": 10, "queue_mode": "lazy"},
        "c": {"type": "stream", "max_age": "7D", "stream_max_segment_size_bytes": "1MB"},
        "d": {"dead_letter_exchange": "unsorted", "dead_letter_routing_key": "d", "queue_leader_locator": "balanced"},
        "e": None,
        "f": "classic",
    },
    "bindings": [
        {"source": "incoming", "destination": "e", "destination_type": "queue", "routing_key": "e"},
        {"source": "incoming", "destination": "by-format", "destination_type": "exchange", "routing_key": "*.x"},
        {"source": "by-format", "destination": "e", "arguments": {"x-match": "any-with-x", "k": True, "n": 1.5}},
    ],
    "policies": {"p": {"pattern": "^a", "apply_to": "queues", "priority": 1, "definition": {"message_ttl": "1h"}}},
    "tests": [{"publish": {"exchange": "incoming", "routing_key": "a.b", "headers": {"k": True}}, "reaches": ["a"]}],
}
_TREES = (EVERYTHING, *map(yaml.safe_load, CONTENTS))
_ROOT_KEYS = ("users", "permissions", "parameters", "rabbit_version", "metadata")


@cache
def _keys() -> tuple[str, ...]:
    """Return every key that a topology file has anywhere."""
    found = set(_ROOT_KEYS)

    def collect(node: Any) -> None:
        if isinstance(node, dict):
            found.update(node.get("properties", {}) if isinstance(node.get("properties"), dict) else ())
        for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            collect(inner)

    collect(schema())
    return tuple(sorted(found))


def changed(random: Random, trees: tuple[Any, ...]) -> bytes:
    """Write one of these documents with something changed in it."""
    return written(random, mutate.tree(random, random.choice(trees), trees, _keys()))


def content(random: Random) -> bytes:
    """Make the content of a topology file."""
    made = random.choice(CONTENTS) if random.random() < 0.35 else changed(random, _TREES)
    if random.random() < 0.35:
        made = mutate.octets(random, made, random.choice(CONTENTS))
    return _encoded(random, made)


def written(random: Random, document: Any) -> bytes:
    """Write a document as JSON or YAML."""
    made = json.dumps(document, indent=random.choice((None, 1)), ensure_ascii=random.random() < 0.8)
    if random.random() < 0.5:
        with suppress(UnicodeEncodeError, RecursionError):  # what is no text, or too deep, can only be said as JSON
            style, unicode = random.choice((None, True, False)), random.random() < 0.5
            made = yaml.dump(document, Dumper=_Dumper, sort_keys=False, default_flow_style=style, allow_unicode=unicode)
    return oddities.unfolded(made)


_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def _encoded(random: Random, made: bytes) -> bytes:
    kind = random.random()
    if kind < 0.95:
        return made
    if kind < 0.97:
        return b"\xef\xbb\xbf" + made
    return made.decode("utf-8", "replace").encode(random.choice(("utf-16", "utf-16-be", "utf-32", "cp037")), "replace")
