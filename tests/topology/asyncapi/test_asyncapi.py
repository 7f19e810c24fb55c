"""A topology as an AsyncAPI document: what becomes a channel, what is done there, and schemas in one piece."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft7Validator

from amqptool import Topology, TopologyError
from amqptool.topology.asyncapi import Server, asyncapi
from tests.support.asyncapi import flaws
from tests.support.pictures import topologies

EXAMPLES = sorted((Path(__file__).parents[3] / "topologies").glob("*.yaml"))
SHOP = """
exchanges:
  shop: topic
  audit: {type: fanout, internal: true, bindings: [{source: shop, routing_key: "order.#"}]}
queues:
  orders: {type: quorum, dead_letter: true, retry: [5s], bindings: [{source: shop, routing_key: order.*}]}
  log: {bindings: [{source: audit}]}
  users: {bindings: [{source: shop, routing_key: user.new}]}
messages:
  - {exchange: shop, routing_key: order.new, description: Somebody has ordered., schema: {type: object}}
  - {exchange: "", routing_key: orders, name: direct order, content_type: application/msgpack, schema: true}
"""


def document(topology: Topology, **options: Any) -> dict[str, Any]:
    """Return a valid document."""
    made = asyncapi(topology, title="Shop", version="1.2.3", **options)
    assert flaws(made) == []
    assert made == json.loads(json.dumps(made))
    return made


def described(tmp_path: Path, schema: str, **files: object) -> dict[str, Any]:
    """Return the schemas of a document whose message has a schema, with files beside it."""
    for name, content in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    (tmp_path / "t.yaml").write_text(f'queues: {{q: }}\nmessages: [{{exchange: "", routing_key: q, schema: {schema}}}]')
    found: dict[str, Any] = document(Topology.load(tmp_path / "t.yaml"))["components"]["schemas"]
    return found


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples(path: Path) -> None:
    """Every example is a valid document."""
    assert document(Topology.load(path))["channels"]


@given(topologies())
def test_any_topology(topology: Topology) -> None:
    """Whatever it declares, the document is valid."""
    document(topology)


def test_channels_are_keys_of_exchanges_and_queues() -> None:
    """Keys that are described, and those of bindings that nobody has described; no internal exchange, no wait queue."""
    made = document(Topology.parse(SHOP))
    assert {key: each["address"] for key, each in made["channels"].items()} == {
        "shop.order.new": "order.new",
        "shop.user.new": "user.new",
        "default.orders": "orders",
        "queue.orders": "orders",
        "queue.log": "log",
        "queue.users": "users",
    }


def test_channels_have_the_properties_of_what_they_are() -> None:
    """By AsyncAPI's binding for AMQP."""
    channels = document(Topology.parse(SHOP))["channels"]
    exchange = {"name": "shop", "type": "topic", "durable": True, "autoDelete": False}
    assert channels["shop.order.new"]["bindings"] == {
        "amqp": {"is": "routingKey", "exchange": exchange, "bindingVersion": "0.3.0"}
    }
    queue = {"name": "orders", "durable": True, "exclusive": False, "autoDelete": False}
    assert channels["queue.orders"]["bindings"] == {"amqp": {"is": "queue", "queue": queue, "bindingVersion": "0.3.0"}}
    assert channels["default.orders"]["bindings"]["amqp"]["exchange"]["type"] == "default"


def test_messages_are_sent_to_exchanges_and_received_from_queues() -> None:
    """From each queue that they may come to, over other exchanges too."""
    operations = document(Topology.parse(SHOP))["operations"]
    sent = operations["send.shop.order.new"]
    assert (sent["action"], sent["channel"]) == ("send", {"$ref": "#/channels/shop.order.new"})
    assert sent["messages"] == [{"$ref": "#/channels/shop.order.new/messages/shop.order.new"}]
    received = {
        key: [each["$ref"].rpartition("/")[2] for each in operation.get("messages", [])]
        for key, operation in operations.items()
        if operation["action"] == "receive"
    }
    assert received == {
        "receive.queue.orders": ["shop.order.new", "direct_order"],
        "receive.queue.log": ["shop.order.new"],
        "receive.queue.users": [],
    }


def test_messages_tell_what_is_known() -> None:
    """Name, description, content type and schema."""
    messages = document(Topology.parse(SHOP))["components"]["messages"]
    assert messages["shop.order.new"]["description"] == "Somebody has ordered."
    assert (messages["direct_order"]["name"], messages["direct_order"]["contentType"]) == (
        "direct order",
        "application/msgpack",
    )


def test_servers_are_there_if_they_are_given() -> None:
    """With host and vhost."""
    servers = (Server(host="a:5672", pathname="/%2F", tls=False), Server(host="[::1]:5671", pathname="/v", tls=True))
    made = document(Topology.parse(SHOP), servers=servers)
    assert [(each["host"], each["protocol"], each["pathname"]) for each in made["servers"].values()] == [
        ("a:5672", "amqp", "/%2F"),
        ("[::1]:5671", "amqps", "/v"),
    ]
    assert "servers" not in document(Topology.parse(SHOP))


def test_names_are_told_apart() -> None:
    """Where two would be one in the document."""
    text = "exchanges: {'a b': topic, a/b: topic}\nqueues: {}\n"
    assert list(document(Topology.parse(text))["channels"]) == ["a_b.all", "a_b.all-2"]


def test_schemas_of_files_are_part_of_the_document(tmp_path: Path) -> None:
    """With all that they refer to; references stay right, whatever ids and anchors said."""
    schemas = described(
        tmp_path,
        "order.json",
        order={
            "$id": "https://x.example/order",
            "properties": {"who": {"$ref": "common.json#/$defs/a b"}, "item": {"$ref": "#item"}, "next": {"$ref": "#"}},
            "$defs": {"item": {"$anchor": "item", "type": "object"}},
        },
        common={"$defs": {"a b": {"type": "string"}}},
    )
    assert schemas == {
        "order": {
            "properties": {
                "who": {"$ref": "#/components/schemas/common/$defs/a%20b"},
                "item": {"$ref": "#/components/schemas/order/$defs/item"},
                "next": {"$ref": "#/components/schemas/order"},
            },
            "$defs": {"item": {"type": "object"}},
        },
        "common": {"$defs": {"a b": {"type": "string"}}},
    }


def test_data_in_a_schema_is_left_alone(tmp_path: Path) -> None:
    """A constant may look like a reference."""
    schema = {"const": {"$ref": "x", "$id": "y"}}
    assert described(tmp_path, "a.json", a=schema)["a"] == schema


def test_names_that_are_keywords_of_data_are_followed(tmp_path: Path) -> None:
    """A property may be called `enum`, and its schema stand in another file."""
    schemas = described(tmp_path, "a.json", a={"properties": {"enum": {"$ref": "b.json"}}}, b={"type": "string"})
    assert schemas == {
        "a": {"properties": {"enum": {"$ref": "#/components/schemas/b"}}},
        "b": {"type": "string"},
    }


@pytest.mark.parametrize(("schema", "expected"), [("true", {}), ("false", {"not": {}})])
def test_a_schema_that_is_yes_or_no(tmp_path: Path, schema: str, expected: object) -> None:
    """AsyncAPI has another way to say it."""
    assert described(tmp_path, schema) == {"default.q": expected}


def test_plain_schemas_are_of_draft_7(tmp_path: Path) -> None:
    """As AsyncAPI's own are; what is not is named for what it is, and references go into it."""
    plain = described(tmp_path, "{type: object, $defs: {a: {type: string}}}")["default.q"]
    Draft7Validator.check_schema(plain)
    later = described(tmp_path, "{discriminator: {a: 1}, $defs: {a: {type: string}}, items: {$ref: '#/$defs/a'}}")
    assert later["default.q"]["schemaFormat"] == "application/schema+json;version=draft-2020-12"
    assert later["default.q"]["schema"]["items"] == {"$ref": "#/components/schemas/default.q/schema/$defs/a"}
    old = described(
        tmp_path,
        "a.json",
        a={"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": True},
    )
    assert old["a"]["schemaFormat"] == "application/schema+json;version=draft-04"


def test_a_bad_schema_is_told(tmp_path: Path) -> None:
    """With its place, and no document."""
    with pytest.raises(TopologyError, match=r"schema /type: 'x' is no type of JSON Schema"):
        described(tmp_path, "{type: x}")
