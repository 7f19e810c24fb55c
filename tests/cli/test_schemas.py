"""The JSON Schemas of what commands write: there is one for each, it is complete, and the real output fits.

All that `run_cli` runs in other tests is held against them too.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from amqptool import Message
from amqptool.broker.local import Endpoint
from amqptool.cli.root import COMMANDS, root
from amqptool.cli.schemas import names, schema_of
from amqptool.testing import fresh_vhost
from tests.support.broker import publish
from tests.support.cli import run_cli
from tests.support.commands import leaves
from tests.support.schemas import closed, flaws
from tests.support.tapping import tapping
from tests.support.vhost import VhostUnderTest

#: The schemas that are no command's, and their titles.
OTHERS = {"log": "amqptool --log-format json", "receipts": "amqptool publish --receipts FILE"}
ID = "0198c2f0-0000-4000-8000-000000000000"
SHOP = """
exchanges: {shop: topic}
queues:
  orders: {bindings: [{source: shop, routing_key: "order.#"}], dead_letter: true}
  spare: {}
"""
PUBLISH = ("publish", "-k", "orders", "-H", "n:=1.5", "--message-id", ID, "x")
DIE = ("publish", "-k", "orders.dead", "x")
DONE = ("consume", "orders", "--handler", "exec:true", "-n", "1")

#: Command lines, all with --json, that make each command write each kind of document, and those that these need.
EXAMPLES: dict[str, Sequence[Sequence[str]]] = {
    "validate": [("validate", "{folder}/shop.yaml"), ("validate", "--explain", "undeclared")],
    "route": [("route", "--explain", "{folder}/shop.yaml", "shop", "order.new")],
    "plan": [("plan", "{folder}/more.yaml")],
    "declare": [("declare", "{folder}/shop.yaml"), ("declare", "--migrate", "spare", "{folder}/shop.yaml")],
    "delete": [("declare", "{folder}/more.yaml"), ("delete", "--yes", "{folder}/more.yaml")],
    "export": [("export",)],
    "schema": [("schema",), ("schema", "--list")],
    "asyncapi": [("asyncapi", "{folder}/shop.yaml")],
    "graph": [("graph", "--live")],
    "publish": [PUBLISH],
    "consume": [
        *(PUBLISH, ("consume", "orders", "-n", "1")),
        *(PUBLISH, DONE),
        *(PUBLISH, ("consume", "orders", "--save", "{folder}/saved", "--requeue")),
    ],
    "peek": [PUBLISH, ("peek", "orders")],
    "tap": [("tap", "shop", "-n", "1"), ("tap", "shop", "-n", "1", "--top")],
    "dead list": [DIE, ("dead", "list", "orders.dead")],
    "dead show": [DIE, ("dead", "show", "orders.dead")],
    "dead export": [DIE, ("dead", "export", "orders.dead")],
    "dead drop": [DIE, ("dead", "drop", "--yes", "orders.dead")],
    "dead replay": [DIE, ("dead", "replay", "--dry-run", "-k", "orders", "orders.dead")],
    "dedup stats": [PUBLISH, DONE, ("dedup", "stats")],
    "dedup show": [PUBLISH, DONE, ("dedup", "show", ID)],
    "dedup forget": [PUBLISH, DONE, ("dedup", "forget", ID)],
    "dedup prune": [PUBLISH, DONE, ("dedup", "prune")],
    "status": [("status",)],
    "purge": [("purge", "--yes", "spare", "nowhere")],
    "wait": [("wait", "--queue", "spare")],
    "doctor": [("doctor", "{folder}/shop.yaml")],
    "profile list": [("profile", "list")],
    "profile show": [("profile", "show")],
    "profile check": [("profile", "check", "shop")],
    "completion": [("completion", "bash")],
    "help": [("help",), ("help", "retry"), ("help", "dead", "replay")],
    "broker start": [("broker", "start", "--dir", "{node}")],
    "broker stop": [("broker", "stop", "--dir", "{folder}/none")],
    "broker status": [("broker", "status", "--dir", "{node}"), ("broker", "status", "--dir", "{folder}/none")],
    "broker run": [("broker", "run", "--", "no-such-command")],
}


class Scene:
    """A vhost, files and a profile for the examples."""

    def __init__(self, vhost: VhostUnderTest, folder: Path) -> None:
        self._vhost, self._folder = vhost, folder
        (folder / "shop.yaml").write_text(SHOP)
        (folder / "more.yaml").write_text("queues: {more: }\n")
        (folder / "amqptool").mkdir()
        (folder / "amqptool/config.toml").write_text(f'[profiles.shop]\nurl = "{vhost.url.reveal()}"\n')
        self._env = {
            **vhost.env,
            "XDG_CONFIG_HOME": str(folder),
            "AMQPTOOL_DEDUP": f"sqlite:///{folder}/dedup.db",
        }
        vhost.holds(SHOP)

    def documents(self, words: Sequence[str], node: Path | None) -> list[dict[str, Any]]:
        """Run a command line, for which a private node runs or not, and return what it has written."""
        own = ["--json", *(word.format(folder=self._folder, node=node) for word in words)]
        return self._tapped(own[2:]) if "tap" in own else self.lines(*own)

    def lines(self, *words: str, text: str | None = None) -> list[dict[str, Any]]:
        """Run a command line, whose standard input is a text, and return the lines that it has written."""
        return [json.loads(line) for line in run_cli(*words, input=text, env=self._env).stdout.splitlines()]

    def _tapped(self, words: Sequence[str]) -> list[dict[str, Any]]:
        with tapping(self._env, *words, "--json") as process:
            asyncio.run(publish(self._vhost.url, [Message(body=b"\xff", exchange="shop", routing_key="order.new")]))
            stdout, _ = process.communicate()
        assert list(flaws(["tap", *words, "--json"], stdout)) == []
        return [json.loads(line) for line in stdout.splitlines()]


@pytest.fixture(scope="module")
def scene(amqptool_node: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Give one for all examples."""
    with fresh_vhost(amqptool_node) as url:
        yield Scene(VhostUnderTest(amqptool_node, url), tmp_path_factory.mktemp("scene"))


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Return a schema and all schemas within it."""
    if isinstance(schema, dict):
        yield schema
        within = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values(), *schema.get("anyOf", [])]
        for each in (*within, schema.get("items"), schema.get("additionalProperties")):
            yield from parts(each)


def measured(schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Return the ways, by their names, to all fields that are numbers with a fraction."""
    if "number" in schema.get("type", ()):
        yield path
    for name, field in schema.get("properties", {}).items():
        yield from measured(field, (*path, name))
    items = [schema["items"]] if "items" in schema else []
    for part in (*schema.get("$defs", {}).values(), *schema.get("anyOf", []), *items):
        yield from measured(part, path)


def is_text(schema: dict[str, Any], field: dict[str, Any]) -> bool:
    """Whether a field is a text, or null; any type will do for what a handler may have logged."""
    found = schema["$defs"][field["$ref"].removeprefix("#/$defs/")] if "$ref" in field else field
    return found.get("type", "string") in ("string", ["string", "null"])


def unmet(schema: dict[str, Any], documents: Sequence[dict[str, Any]]) -> list[str]:
    """Return the kinds of documents, but for errors, of which there is none."""
    kinds = [each["$ref"] for each in schema["anyOf"] if not each["$ref"].endswith("/error")]
    only = {kind: Draft202012Validator({"$ref": kind, "$defs": schema["$defs"]}) for kind in kinds}
    return [kind for kind in kinds if not any(map(only[kind].is_valid, documents))]


def test_every_command_has_a_schema() -> None:
    """A command that writes something new is to be described."""
    assert sorted(" ".join(path) for path, _ in leaves(root)) == [name for name in names() if name not in OTHERS]


def test_every_command_has_an_example() -> None:
    """Which shows that its schema is true."""
    assert sorted(EXAMPLES) == [name for name in names() if name not in OTHERS]
    assert {name.split()[0] for name in EXAMPLES} == set(COMMANDS)


@pytest.mark.parametrize("name", names())
def test_a_schema_is_one_by_itself(name: str) -> None:
    """Valid, with a title and a description, and all that it refers to is in it."""
    schema = schema_of(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert schema["title"] == OTHERS.get(name, f"amqptool {name} --json")
    assert schema["description"]
    Draft202012Validator(schema).is_valid({"kind": "error", "code": 0})  # which would raise for a broken reference


@pytest.mark.parametrize("name", names())
def test_every_field_is_described(name: str) -> None:
    """By itself, or by the definition that it refers to."""
    schema = schema_of(name)
    told = {f"#/$defs/{key}" for key, each in schema["$defs"].items() if "description" in each}
    fields = [field for part in parts(schema) for field in part.get("properties", {}).items()]
    assert [key for key, each in fields if "description" not in each and each.get("$ref") not in told] == []


@pytest.mark.parametrize("name", [name for name in names() if name not in OTHERS])
def test_the_kind_of_a_document_is_its_command(name: str) -> None:
    """All the words that name it, so that its schema can be found by its kind; that of an error is `error`."""
    described = [part.get("properties", {}) for part in parts(schema_of(name))]
    kinds = {each["kind"]["const"] for each in described if {"kind", "code"} <= each.keys()}
    assert kinds <= {name, "error"}


@pytest.mark.parametrize("name", names())
def test_an_error_is_a_kind_and_a_message(name: str) -> None:
    """Wherever there is one: its kind for programs, and beside it what it says, for people."""
    schema = schema_of(name)
    told = [part["properties"] for part in parts(schema) if "error" in part.get("properties", {})]
    assert all(is_text(schema, each[field]) for each in told for field in ("error", "message"))


@pytest.mark.parametrize("name", names())
def test_what_is_measured_has_its_unit_in_its_name(name: str) -> None:
    """Or in that of what it is a part of: seconds, or how many there are per second."""
    paths = measured(schema_of(name))
    assert [path for path in paths if not any(each.endswith(("seconds", "per_second")) for each in path)] == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_a_command_writes_is_as_its_schema_says(scene: Scene, name: str, request: pytest.FixtureRequest) -> None:
    """Nothing else, and each kind of document that it describes."""
    node = request.getfixturevalue("mortal_node").directory if name.startswith("broker") else None
    found = [document for words in EXAMPLES[name] for document in scene.documents(words, node)]
    assert unmet(schema_of(name), found) == []


def test_a_line_of_a_log_is_as_its_schema_says() -> None:
    """With the fields of its last line."""
    done = run_cli("consume", "q", "--url", "amqp://127.0.0.1:1", "--log-format", "json")
    line = json.loads(done.stderr)
    assert line.keys() == {"time", "level", "logger", "message", "error", "code"}
    Draft202012Validator(closed(schema_of("log"))).validate(line)


def test_a_line_of_receipts_is_as_its_schema_says(scene: Scene) -> None:
    """The first one, of one that arrived, and of one that did not."""
    lines = scene.lines("publish", "-k", "orders", "--lines", "-", "--receipts", "-", text="a\nb\n")
    lines += scene.lines("publish", "-k", "nowhere", "--lines", "-", "--receipts", "-", text="a\n")
    assert [line.get("outcome") for line in lines] == [None, "confirmed", "confirmed", None, "unroutable"]
    assert unmet(schema_of("receipts"), lines) == []


def test_a_field_may_be_added_without_breaking_the_schema_of_before() -> None:
    """Who checks documents with a schema of today can go on with the amqptool of tomorrow; only tests are strict."""
    words = ("wait", "--json")
    document = '{"kind": "wait", "code": 0, "queues": [], "more": 1}'
    assert Draft202012Validator(schema_of("wait")).is_valid(json.loads(document))
    assert len(list(flaws(words, document))) == 1
