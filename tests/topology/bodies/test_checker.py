"""`BodyChecker`: which schemas a message goes by, and what is said of a body that does not fit."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from amqptool import Message, Topology, TopologyError
from amqptool.topology.bodies.checker import BodyChecker
from tests.support.cli import UNMEASURED, cli_environment

SHOP = """
exchanges: {shop: topic}
queues: {orders: {bindings: [{source: shop, routing_key: '#'}]}}
messages:
"""
ORDER = (
    "{exchange: shop, routing_key: order.*, name: order, schema: {required: [id], properties: {id: {type: integer}}}}"
)


def checker(*entries: str, vhost: str | None = None) -> BodyChecker:
    """Make a checker of entries of `messages`."""
    lines = "".join(f"  - {entry}\n" for entry in entries or (ORDER,))
    return BodyChecker(Topology.parse(SHOP + lines), vhost)


def flaw(checker: BodyChecker, body: bytes, routing_key: str = "order.new", **fields: str) -> str | None:
    """Return what is wrong with a body."""
    return checker.flaw(Message(body=body, exchange="shop", routing_key=routing_key, **fields))  # type: ignore[arg-type]


def test_a_body_that_fits() -> None:
    """Nothing is said of it."""
    assert flaw(checker(), b'{"id": 1}') is None


def test_a_body_that_does_not_fit() -> None:
    """The message, the place in the body and what is wrong there."""
    assert flaw(checker(), b'{"id": "x"}') == (
        "the body does not fit the schema of message order: at /id, 'x' is not of type 'integer'"
    )
    assert flaw(checker(), b"{}") == "the body does not fit the schema of message order: 'id' is a required property"


def test_a_place_is_a_json_pointer() -> None:
    """With its escapes; a long value is not repeated."""
    schema = "{properties: {a/b~: {items: {type: integer}}}}"
    body = b'{"a/b~": [1, "' + b"x" * 500 + b'"]}'
    found = flaw(checker(f"{{exchange: shop, schema: {schema}}}"), body)
    assert found == (
        "the body does not fit the schema of message to shop with key #: at /a~1b~0/1, "
        "the value is not of type 'integer'"
    )


def test_several_errors_are_counted() -> None:
    """One is told, and how many there are besides."""
    schema = "{properties: {a: {type: integer}, b: {type: integer}}}"
    assert str(flaw(checker(f"{{exchange: shop, schema: {schema}}}"), b'{"a": "", "b": ""}')).endswith("(and 1 more)")


@pytest.mark.parametrize(
    ("exchange", "routing_key"), [("shop", "order"), ("shop", "order.a.b"), ("", "order.new"), ("other", "order.new")]
)
def test_what_is_not_described_is_not_checked(exchange: str, routing_key: str) -> None:
    """Another exchange, or a key that the pattern does not match."""
    assert checker().flaw(Message(body=b"x", exchange=exchange, routing_key=routing_key)) is None


def test_every_entry_that_matches_counts() -> None:
    """A general pattern and a special one: the body must fit both."""
    both = checker(ORDER, "{exchange: shop, routing_key: order.new, schema: {required: [items]}}")
    assert flaw(both, b'{"id": 1, "items": []}') is None
    assert "'items' is a required property" in str(flaw(both, b'{"id": 1}'))
    assert "'id' is a required property" in str(flaw(both, b'{"items": []}'))


def test_the_content_type_chooses() -> None:
    """A message of another type than all that is described does not fit; one without a type is what is expected."""
    json = "{exchange: shop, content_type: Application/JSON, schema: {type: object}}"
    text = "{exchange: shop, content_type: text/plain, schema: {type: string, maxLength: 3}}"
    either = checker(json, text)
    assert flaw(either, b"{}", content_type="application/json; charset=utf-8") is None
    assert "'long' is too long" in str(flaw(either, b"long", content_type="text/plain"))
    assert flaw(checker(json), b"{}") is None
    assert flaw(either, b"x", content_type="image/png") == (
        "the content type is 'image/png', and Application/JSON or text/plain is expected"
    )


@pytest.mark.parametrize("name", ["application/x-msgpack", "application/vnd.msgpack", "Application/MsgPack; v=1"])
def test_a_content_type_may_have_several_names(name: str) -> None:
    """They are one for the codecs, so they are one here."""
    packed = checker("{exchange: shop, content_type: application/msgpack, schema: {type: integer}}")
    assert flaw(packed, b"\x01", content_type=name) is None
    assert "content type" in str(flaw(packed, b"1", content_type="application/json"))


def test_bodies_are_decoded() -> None:
    """What was compressed, and MessagePack."""
    assert flaw(checker(), gzip.compress(b'{"id": 1}'), content_encoding="gzip") is None
    packed = b"\x81\xa2id\xa1x"
    assert "'x' is not of type 'integer'" in str(flaw(checker(), packed, content_type="application/msgpack"))


@pytest.mark.parametrize(
    ("body", "fields", "reason"),
    [
        (b"no json", {}, "not valid JSON: Expecting value at line 1, column 1"),
        (b"\xff", {}, "not valid JSON"),
        (b"[" * 5000, {}, "not valid JSON"),
        (b"{}", {"content_encoding": "br"}, "unknown content encoding 'br'"),
        (b"x", {"content_type": "image/png"}, "'image/png' is neither JSON nor MessagePack nor text"),
    ],
)
def test_a_body_that_cannot_be_decoded(body: bytes, fields: dict[str, str], reason: str) -> None:
    """It does not fit either, and the reason is said."""
    assert str(flaw(checker(), body, **fields)).startswith(f"the body cannot be checked: {reason}")


def test_a_schema_without_end_is_no_crash() -> None:
    """It is itself."""
    endless = checker("{exchange: shop, schema: {$ref: '#'}}")
    assert "cannot be checked by the schema of message to shop" in str(flaw(endless, b"1"))


def test_a_name_that_is_no_pattern_is_no_crash() -> None:
    """Draft 4 says nothing of names under `patternProperties`, so it is not found before."""
    old = "{$schema: 'http://json-schema.org/draft-04/schema#', patternProperties: {'(': {}}}"
    found = checker(f"{{exchange: shop, schema: {old}}}")
    assert "cannot be checked by the schema of message to shop" in str(flaw(found, b'{"a": 1}'))


def test_other_vhosts_are_left_out() -> None:
    """An entry without a vhost holds in every one."""
    entry = '{exchange: "", schema: false, vhost: v}'
    message = Message(body=b"1", routing_key="k")
    assert checker(entry, vhost="w").flaw(message) is None
    assert checker(entry, vhost="v").flaw(message) is not None


def test_a_bad_schema_is_told_at_once() -> None:
    """With its place, before anything is checked."""
    with pytest.raises(TopologyError, match=r"<string>:5:61: schema /type: 'x' is no type of JSON Schema"):
        checker("{exchange: shop, routing_key: order.new, schema: {type: x}}")


def test_draft_7_is_checked_as_such(tmp_path: Path) -> None:
    """`items` with a list of schemas is draft-07's; in later drafts it would be none."""
    (tmp_path / "a.json").write_text(
        '{"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "integer"}]}'
    )
    (tmp_path / "t.yaml").write_text(f"{SHOP}  - {{exchange: shop, schema: a.json}}\n")
    found = BodyChecker(Topology.load(tmp_path / "t.yaml"))
    assert flaw(found, b'["x"]') == (
        "the body does not fit the schema of message to shop with key #: at /0, 'x' is not of type 'integer'"
    )


@pytest.mark.parametrize(
    ("messages", "code", "said"),
    [("", 0, "1 exchange"), (f"messages: [{ORDER}]", 78, "a library: pip install 'amqptool[schema]'")],
)
def test_without_the_library(tmp_path: Path, messages: str, code: int, said: str) -> None:
    """Files that describe no messages do without it; for others it is named."""
    (tmp_path / "jsonschema.py").write_text("raise ImportError\n")
    (tmp_path / "t.yaml").write_text(f"exchanges: {{shop: topic}}\n{messages}\n")
    environment = cli_environment(UNMEASURED)
    environment["PYTHONPATH"] = f"{tmp_path}:{environment.get('PYTHONPATH', '')}:{Path(__file__).parents[3]}"
    command = [sys.executable, "-m", "amqptool", "validate", str(tmp_path / "t.yaml")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_library_is_imported_for_schemas_alone() -> None:
    """Reading a file that describes messages, and checking one that does not, goes without it."""
    texts = f"{SHOP}  - {ORDER}", SHOP.replace("messages:", "")
    check = (
        "import sys; from amqptool import Topology; from amqptool.topology.validate import Content, validate; "
        f"Topology.parse({texts[0]!r}); validate(Content('t', {texts[1]!r})); print('jsonschema' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], env=cli_environment(UNMEASURED), capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
