"""Topology files: valid ones of each language with something wrong in them, given to every command that reads them."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

from amqptool.errors import TopologyError
from amqptool.topology import Topology
from amqptool.topology.schema import schema
from tests.fuzz import mutate, oddities
from tests.fuzz.case import Case, Outcome, Place, Scene

_HERE = Path(__file__).parents[1]
_FILES = (
    *sorted((_HERE.parent / "topologies").glob("*.yaml")),
    *sorted((_HERE / "topology/file/exports").glob("*.json")),
)
#: What the files say, apart from those that take long.
_CONTENTS = tuple(path.read_bytes() for path in _FILES if path.stat().st_size < 8_000)
#: Everything that a topology file can say, once.
_EVERYTHING: dict[str, Any] = {
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
_TREES = (_EVERYTHING, *map(yaml.safe_load, _CONTENTS))
#: What `plan --out` writes, but for the name of the cluster.
_PLAN: dict[str, Any] = {
    "kind": "amqptool-plan",
    "format": 1,
    "cluster": "c",
    "vhost": "v",
    "create_vhosts": False,
    "owns": ["a"],
    "owns_vhost": False,
    "changes": [{"action": "create", "object": "queue q (classic)", "type": "queue", "name": "q", "vhost": "v"}],
    "topology": {"queues": [{"name": "q", "durable": True, "auto_delete": False, "arguments": {}}]},
}
#: What a broker of any kind takes: no vhosts, and no plugins.
_DECLARABLE = (
    {**_EVERYTHING, "vhosts": {}, "exchanges": {**_EVERYTHING["exchanges"], "late": "direct"}},
    *(yaml.safe_load(path.read_bytes()) for path in _FILES if path.suffix == ".yaml"),
)
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


def content(random: Random) -> bytes:
    """Make the content of a topology file."""
    if random.random() < 0.35:
        made = random.choice(_CONTENTS)
    else:
        made = _written(random, mutate.tree(random, random.choice(_TREES), _TREES, _keys()))
    if random.random() < 0.35:
        made = mutate.octets(random, made, random.choice(_CONTENTS))
    return _encoded(random, made)


def _written(random: Random, document: Any) -> bytes:
    written = json.dumps(document, indent=random.choice((None, 1)), ensure_ascii=random.random() < 0.8)
    if random.random() < 0.5:
        with suppress(UnicodeEncodeError, RecursionError):  # what is no text, or too deep, can only be said as JSON
            style, unicode = random.choice((None, True, False)), random.random() < 0.5
            written = yaml.dump(
                document, Dumper=_Dumper, sort_keys=False, default_flow_style=style, allow_unicode=unicode
            )
    return oddities.unfolded(written)


_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def _encoded(random: Random, made: bytes) -> bytes:
    kind = random.random()
    if kind < 0.95:
        return made
    if kind < 0.97:
        return b"\xef\xbb\xbf" + made
    return made.decode("utf-8", "replace").encode(random.choice(("utf-16", "utf-16-be", "utf-32", "cp037")), "replace")


def case(random: Random, place: Place) -> Case:
    """Make a command that reads a topology file."""
    kind = random.random()
    if kind < 0.12:
        return (_declared if kind < 0.08 else _planned)(random, place)
    files = {"t.yaml": content(random), "good.yaml": _CONTENTS[0]}
    check = _shows_what_is_valid if random.random() < 0.4 else None
    if check is not None:
        words = ["validate", "t.yaml", "--show", random.choice(("expanded", "definitions"))]
        return Case(words=words, files=files, check=check)
    words = random.choice(
        (
            ["validate", "t.yaml"],
            ["validate", "--json", "t.yaml", "good.yaml"],
            ["validate", "--strict", "--format", "github", "t.yaml"],
            ["validate", "--merge", "t.yaml", "good.yaml", "--set", "PREFIX=${DELIVERY_LIMIT}", "--json"],
            ["validate", "-"],
            [
                "route",
                "t.yaml",
                random.choice(("incoming", "", "news", "shop.orders", "documents")),
                oddities.argument(oddities.text(random)),
                "--explain",
            ],
            [
                "route",
                "--json",
                "t.yaml",
                "incoming",
                "a.b.c",
                "-H",
                "k:=true",
                "-H",
                oddities.argument(f"x={oddities.text(random)}"),
            ],
            ["graph", "t.yaml", "--format", random.choice(("tree", "dot", "mermaid", "svg")), "--expanded"],
            ["graph", "t.yaml", "--json", "--highlight-route", "incoming", "a.b"],
            ["graph", "t.yaml", "--format", random.choice(("tree", "svg")), "--filter", "a*"],
            [
                "consume",
                "a",
                "--topology",
                "t.yaml",
                "--url",
                place.dead_url,
                "--handler",
                "exec:true",
                "--dedup",
                "memory:",
            ],
            ["plan", "t.yaml", "--amqp-only", "--url", place.dead_url],
        )
    )
    words = [oddities.argument(word) for word in words]
    return Case(words=words, files=files, stdin=files["t.yaml"])


def _shows_what_is_valid(outcome: Outcome, _: Scene) -> list[str]:
    """What is found valid is written out as what is valid."""
    if outcome.code not in (0, 1) or not outcome.stdout:
        return []
    try:
        Topology.parse(outcome.stdout, "shown")
    except TopologyError as error:
        # What RabbitMQ exports may have arguments that it does not know; what people write may not.
        return [f"shows what is not valid: {each}" for each in error.problems if each.rule != "argument-name"]
    return []


def _declared(random: Random, place: Place) -> Case:
    """Make a file that a broker is asked to hold."""
    made = _written(random, mutate.tree(random, random.choice(_DECLARABLE), _DECLARABLE, _keys()))
    command = random.choice(
        (["declare", "--json"], ["declare", "--json"], ["declare", "--json", "--amqp-only"], ["plan", "--json"])
    )
    return Case(
        words=[*command, "t.yaml"],
        files={"t.yaml": made},
        environ=place.for_topologies,
        check=_is_declared,
    )


def _is_declared(outcome: Outcome, scene: Scene) -> list[str]:
    """What was declared is there, and nothing is left to do."""
    if outcome.document.get("kind") != "declare":
        return []
    made = {(each["type"], each.get("name")) for each in outcome.document["objects"] if each["outcome"] == "created"}
    wanted = {(kind, name) for kind, name in made if kind in ("exchange", "queue")}
    found = [f"{kind} {name!r} is said to be created and is not there" for kind, name in wanted - scene.broker.names()]
    if outcome.code == 0:
        again = scene.run(["plan", "--json", "--detailed-exitcode", "t.yaml"])
        if again.code != 0:
            found.append(f"declared, and to plan it again is {again.code}: {again.stdout[:500]!r}")
    return found


def _planned(random: Random, place: Place) -> Case:
    """Make a saved plan that somebody has damaged, and half of the time has signed."""
    vhost = place.topologies_url.rpartition("/")[2]
    body = mutate.tree(random, {**_PLAN, "vhost": vhost}, (_PLAN,), (*_PLAN, *_PLAN["changes"][0]))
    if isinstance(body, dict) and random.random() < 0.5:
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
        body["checksum"] = hashlib.sha256(canonical.encode()).hexdigest()
    words = ["declare", "--plan", "plan.json", "--json"]
    return Case(words=words, files={"plan.json": _written(random, body)}, environ=place.for_topologies)
