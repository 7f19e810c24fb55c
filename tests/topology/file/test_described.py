"""The `messages` section: what is read of it, and how what is wrong is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from amqptool.errors import TopologyError
from amqptool.topology import Topology
from amqptool.topology.described import DescribedMessage

SHOP = "exchanges: {shop: topic}\nqueues: {orders: {bindings: [{source: shop, routing_key: '#'}]}}\n"
INLINE = """\
messages:
  - name: order.created
    exchange: shop
    routing_key: order.created
    content_type: application/json
    description: Somebody has ordered.
    schema:
      type: object
      required: [id]
      properties: {id: {type: [integer, "null"], default: null, minimum: 0.5}}
  - {exchange: "", schema: schemas/order.json}
"""


def problems(text: str) -> list[str]:
    """Return what is wrong with a file."""
    with pytest.raises(TopologyError) as caught:
        Topology.parse(SHOP + text, "t.yaml")
    return [str(problem).removeprefix("t.yaml:") for problem in caught.value.problems]


def test_everything_is_read() -> None:
    """Each key, and what is left out: any key, any type."""
    described, bare = Topology.parse(SHOP + INLINE).messages
    assert described == DescribedMessage(
        name="order.created",
        exchange="shop",
        routing_key="order.created",
        content_type="application/json",
        description="Somebody has ordered.",
        schema={
            "type": "object",
            "required": ["id"],
            "properties": {"id": {"type": ["integer", "null"], "default": None, "minimum": 0.5}},
        },
    )
    assert bare == DescribedMessage(exchange="", routing_key="#", schema="schemas/order.json")


def test_parts_of_a_schema_have_their_places() -> None:
    """And what is not there, that of what is around it."""
    described = Topology.parse(SHOP + INLINE, "t.yaml").messages[0]
    assert str(described.place_of(("required", 0))) == "t.yaml:11:18"
    assert described.place_of(("properties", "id", "none")) == described.place_of(("properties", "id"))


def test_it_is_written_back() -> None:
    """As YAML that reads the same."""
    topology = Topology.parse(SHOP + INLINE)
    assert Topology.parse(topology.to_yaml()).messages == topology.messages


def test_json_has_it_too() -> None:
    """In the form of an export."""
    text = '{"exchanges": [{"name": "e", "type": "topic"}], "messages": [{"exchange": "e", "schema": {"const": 1e3}}]}'
    assert Topology.parse(text).messages[0].schema == {"const": 1000.0}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("{exchange: shopp, schema: {}}", "4:5: the exchange 'shopp' of this message is not declared; did you mean"),
        ("{exchange: shop, schema: {}, routng_key: a}", "4:34: a message has no key 'routng_key'; did you mean"),
        ("{exchange: shop}", "4:5: the message has no schema [missing-key]"),
        ("{schema: {}}", "4:5: the message has no exchange [missing-key]"),
        ("{exchange: shop, schema: [a]}", "4:30: schema must be a JSON Schema, or the path of a file with one, not a"),
        ("{exchange: shop, schema: ''}", "4:30: schema must be a JSON Schema, or the path of a file with one, not an"),
        ("{exchange: shop, schema: /etc/passwd}", "4:30: schema must be the path of a file, relative to the topology"),
        ("{exchange: shop, schema: 'http://x/y'}", "4:30: schema must be the path of a file, relative to the topology"),
        ("{exchange: shop, schema: {enum: [no]}}", "4:38: schema is no, which YAML readers understand differently"),
        ("{exchange: shop, schema: {}, content_type: ''}", "4:48: content_type must be a media type such as"),
        ("order", "4:5: a message must be a mapping (exchange: …, routing_key: …, schema: …), not order [type]"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(entry: str, expected: str) -> None:
    """One problem for each, at the value or the key at fault."""
    [problem] = problems(f"messages:\n  - {entry}\n")
    assert problem.startswith(expected)


def test_one_file_describes_a_message_once() -> None:
    """The second is a duplicate; with another content type it is another message."""
    entries = "{exchange: shop, routing_key: a, schema: true}, {exchange: shop, routing_key: a, schema: false}"
    [problem] = problems(f"messages: [{entries}]\n")
    assert problem.endswith("messages to 'shop' with key 'a' are already described on line 3 [duplicate]")
    other = entries.replace("schema: false", "content_type: text/plain, schema: false")
    assert len(Topology.parse(f"{SHOP}messages: [{other}]\n").messages) == 2


def test_files_are_merged(tmp_path: Path) -> None:
    """What two files say alike counts once; what they contradict is told with both places."""
    for name, schema in (("a", "{type: object}"), ("b", "{type: object}"), ("c", "{type: array}")):
        text = f"{SHOP}messages: [{{exchange: shop, routing_key: k, schema: {schema}}}]\n"
        (tmp_path / f"{name}.yaml").write_text(text if name == "a" else text.replace("queues", "tests: []\nqueues"))
    a, b, c = (tmp_path / f"{name}.yaml" for name in "abc")
    assert len(Topology.load(a, b).messages) == 1
    with pytest.raises(TopologyError, match=r"messages to 'shop' with key 'k' are already described at .*a.yaml:3"):
        Topology.load(a, c)


def test_definitions_have_no_place_for_it() -> None:
    """RabbitMQ would not take it."""
    assert "messages" not in Topology.parse(SHOP + INLINE).to_definitions()
