"""JSON: fast and slow ways to the same objects, exact places, and nothing that is no JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amqptool.errors import TopologyError
from amqptool.topology import Topology
from amqptool.topology.file import json_file, sections
from amqptool.topology.file.assemble import assemble
from amqptool.topology.file.draft import Draft
from amqptool.topology.file.json_tree import Reader
from amqptool.topology.file.nodes import Mapping
from amqptool.topology.file.source import Source
from amqptool.topology.problems import Problems


def problems_of(content: str | bytes) -> list[str]:
    with pytest.raises(TopologyError) as caught:
        Topology.parse(content, "t.json")
    return [str(problem).removeprefix("t.json:") for problem in caught.value.problems]


def outcome(text: str, *, fast: bool) -> object:
    """Return the topology and the places of its objects, or the problems."""
    draft = Draft("t.json", exported=True)
    try:
        if fast:
            json_file.read(Source("t.json", text), draft)
        else:
            root, _ = Reader(Source("t.json", text), draft.problems).read(0)
            assert isinstance(root, Mapping)
            sections.read(root, draft)
        topology = assemble([draft], Problems())
    except TopologyError as error:
        return error.problems
    return topology, [thing.place for thing in (*topology.exchanges, *topology.queues, *topology.bindings)]


names = st.sampled_from(["e", "q", "amq.topic", "amq.gen-x", "", "é" * 128, "a\nb", "x" * 256, "\ud800", "ключ"])
odd = st.none() | st.booleans() | st.integers(-(2**65), 2**65) | st.floats() | names | st.lists(st.none(), max_size=1)
tables = st.dictionaries(st.sampled_from(["x-match", "x-macth", "n", "x-message-ttl", "é" * 128]), odd, max_size=2)
values = {
    **dict.fromkeys(("name", "source", "destination", "vhost"), names),
    "type": st.sampled_from(["topic", "classic", "quorum", "topc"]),
    "destination_type": st.sampled_from(["queue", "exchange"]),
    **dict.fromkeys(("durable", "auto_delete", "internal", "exclusive"), st.booleans()),
    "routing_key": names,
    "arguments": tables,
    "policy": names,
}
#: Mostly what the key should have, now and then anything.
items = st.dictionaries(st.sampled_from(list(values)), st.none(), max_size=7).flatmap(
    lambda keys: st.fixed_dictionaries({key: values[key] | values[key] | values[key] | odd for key in keys})
)
documents = st.fixed_dictionaries(
    {
        "exchanges": st.lists(items.map(lambda item: {"name": "e", "type": "topic"} | item), max_size=2),
        "queues": st.lists(items.map(lambda item: {"name": "q"} | item), max_size=2),
        "bindings": st.lists(items.map(lambda item: {"source": "e", "destination": "q"} | item), max_size=3),
        "users": odd | tables,
    }
)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(documents, st.sampled_from([None, 1]))
def test_the_short_cut_leads_to_the_same(document: dict[str, Any], indent: int | None) -> None:
    """Objects of the ordinary shape are what the rules for all files make of them, with the same places."""
    text = json.dumps(document, indent=indent)
    fast, slow = outcome(text, fast=True), outcome(text, fast=False)
    assert fast == slow or (stopped(fast) and stopped(slow))


def stopped(found: object) -> bool:
    """Return whether something ended the reading, which one way meets earlier than the other."""
    return isinstance(found, tuple) and any(getattr(each, "rule", None) in {"encoding", "json"} for each in found)


def test_places() -> None:
    """Objects know their lines and columns, on one line as on many."""
    text = '{"queues": [{"name": "a"},\n\n  {"name": "b", "arguments": {"x-max-length": 1}}, {"name": "c"}]}'
    places = [(queue.place.line, queue.place.column) for queue in Topology.parse(text).queues]
    assert places == [(1, 13), (3, 3), (3, 52)]


def test_place_of_a_problem_far_down() -> None:
    """A problem far down in a file has its own line and column."""
    rows = [f'{{"name": "q{number}"}}' for number in range(10_000)]
    rows[7_000] = '{"name": "q7000", "arguments": {\n"x-message-ttl": "5"}}'
    text = '{"queues": [\n' + ",\n".join(rows) + "]}"
    assert problems_of(text) == [
        "7003:18: x-message-ttl must be an integer, not the text '5': remove the quotes [argument-type]"
    ]


def test_items_around_the_window() -> None:
    """An item that does not fit into the decoder's window, or stands at its end, is read like any other."""
    ends = {"source": "amq.topic", "destination": "amq.fanout", "destination_type": "exchange"}
    bindings = [{**ends, "arguments": {"n": number, "padding": "y" * 2_000}} for number in range(5_000)]
    bindings[4_000]["arguments"]["padding"] *= 500  # a megabyte
    found = Topology.parse(json.dumps({"bindings": bindings})).bindings
    assert [binding.arguments for binding in found] == [binding["arguments"] for binding in bindings]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"queues": [}', "1:13: invalid JSON: expected a value, not '}' [json]"),
        ('{"queues": [{"name": "a"} {"name": "b"}]}', "1:27: invalid JSON: expected a comma or ], not '{' [json]"),
        ('{"queues": []', "1:14: invalid JSON: expected a comma or }, not the end of the file [json]"),
        ('{"queues": [],', "1:15: invalid JSON: expected a key in double quotes, not the end of the file [json]"),
        ('{"queues" []}', "1:11: invalid JSON: expected a colon behind the key, not '[' [json]"),
        ('{"queues": [{"name": "a', "1:22: invalid JSON: unterminated string [json]"),
        ('{"queues": [{"name": "a\nb"}]]}', "1:24: invalid JSON: invalid control character [json]"),
        ('{"queues": [{"name": "\\q"}]', "1:23: invalid JSON: invalid \\escape [json]"),
        ('{"queues": []}\n[]', "2:1: invalid JSON: expected the end of the file, not '[' [json]"),
        ('{"queues": [{"name": "a", "durable": True}]', "1:38: invalid JSON: expected a value, not 'True' [json]"),
        ('{"queues": [{"name": NaN}]}', "1:22: NaN is no number in JSON [json]"),
        ('{"users": [{"name": -Infinity}]}', "1:21: -Infinity is no number in JSON [json]"),
        ('{"queues": [], "queues": []}', "1:16: the key 'queues' is already given on line 1 [duplicate-key]"),
        ('{"queues": [{"name": "a", "name": "b"}]}', "1:27: the key 'name' is already given on line 1 [duplicate-key]"),
        ('{"users": [{"a": 1, "a": 2}]}', "1:21: the key 'a' is already given on line 1 [duplicate-key]"),
        ('{"users": [1e999]}', "1:12: the number 1e999 is out of range: AMQP has 64 bits [number]"),
        ('{"queues": [{"name": "\\ud800"}]}', "half of a surrogate pair stands alone: no such character [encoding]"),
        ('{"users": ["\\ud800"]}', "1:12: half of a surrogate pair stands alone: no such character [encoding]"),
        ('{"users": "\ud800"}', "1:11: half of a surrogate pair stands alone: no such character [encoding]"),
        ("[]", "1:1: a topology is a mapping with exchanges, queues and bindings, not a list; put a list under the"),
        (b'{"queues": [{"name": "caf\xe9"}]}', "1:26: byte 0xe9 is not UTF-8: save the file as UTF-8 [encoding]"),
        (b'{"queues": [\x00]}', "1:13: invalid JSON: expected a value, not '\\x00' [json]"),
    ],
)
def test_problem(text: str | bytes, problem: str) -> None:
    """What is no JSON is one problem, with the line and the column."""
    (found,) = problems_of(text)
    assert problem in found


def test_missing_comma_far_down() -> None:
    """The place of a syntax error is where something else was expected."""
    lines = ["{", ' "queues": [', *(f'  {{"name": "q{number}"}},' for number in range(3, 64)), '  {"name": "q64"}']
    assert problems_of("\n".join([*lines, '  {"name": "q65"}', "]}"])) == [
        "65:3: invalid JSON: expected a comma or ], not '{' [json]"
    ]


@pytest.mark.parametrize("number", ["9" * 5000, "-" + "9" * 5000, str(2**63), "1" * 20])
def test_huge_integers(number: str) -> None:
    """An integer that AMQP has no room for is one problem, however long."""
    (found,) = problems_of(f'{{"queues": [{{"name": "a", "arguments": {{"x-a": {number}}}}}]}}')
    assert found.startswith("1:48: the number ")
    assert len(found) < 150


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
@pytest.mark.parametrize("start", ['{"users": ', '{"queues": [', '{"queues": [{"name": "a", "arguments": '])
def test_depth(start: str, opening: str) -> None:
    """Hundreds of thousands of levels stop at the limit."""
    (found,) = problems_of(start + opening * 200_000)
    assert found.endswith("nested more than 32 levels deep [limit]")


@pytest.mark.parametrize(
    "content",
    [
        '\ufeff{"queues": [{"name": "é"}]}',
        '{"queues": [{"name": "é"}]}'.encode("utf-16"),
        '\ufeff{"queues": [{"name": "é"}]}'.encode(),
        '\n\t {"queues":\r\n\t[{"name":\t"\\u00e9"}]}\n\n',
    ],
)
def test_encodings(content: str | bytes) -> None:
    """Byte order marks, UTF-16, tabs and escapes are read."""
    assert Topology.parse(content).queues[0].name == "é"


def test_surrogate_pairs() -> None:
    """A character beyond the BMP may be two escapes."""
    assert Topology.parse('{"queues": [{"name": "\\ud83d\\ude00 \\/"}]}').queues[0].name == "😀 /"


@pytest.mark.parametrize(
    "text",
    [
        "{queues: {a: , b: {durable: false}}}",
        '{"queues": ["name": a],}',
        "{'queues': [{'name': 'a'}, {'name': 'b'},]}  # a comment",
        '{"queues": {a: classic}, "exchanges": {e: topic}}',
    ],
)
def test_yaml_in_brackets(text: str) -> None:
    """What begins as JSON does and is YAML in brackets still loads."""
    assert Topology.parse(text.replace('["name": a]', "[{name: a}]")).queues[0].name == "a"


def test_problems_of_yaml_in_brackets() -> None:
    """YAML in brackets has the problems of YAML."""
    assert problems_of("{queues: {a: {durable: no}}}") == [
        "1:24: durable must be true or false, not no: write false [type]"
    ]


def test_too_many_unmanaged() -> None:
    """What is kept without being looked at is bounded."""
    text = '{"users": [' + ('"' + "x" * 1_000_000 + '",') * 34 + "1]}"
    assert problems_of(text)[0].endswith("users, permissions and the like are larger than 32 MiB [limit]")
