"""RabbitMQ's own exports of every version, as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from amqptool.errors import TopologyError
from amqptool.topology import Binding, Topology, Vhost

#: A queue whose name RabbitMQ chose.
QUEUE = "queue amq.gen-JzTY20BRgKO-HjmUJj0wLg"
EXPORTS = sorted((Path(__file__).parent / "exports").glob("*.json"))


def export(name: str) -> Topology:
    return Topology.load(Path(__file__).parent / "exports" / f"{name}.json")


def parse(document: dict[str, Any]) -> Topology:
    return Topology.parse(json.dumps(document), "t.json")


def problems_of(document: dict[str, Any]) -> list[str]:
    with pytest.raises(TopologyError) as caught:
        parse(document)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("path", EXPORTS, ids=lambda path: path.stem)
def test_loads(path: Path) -> None:
    """Each export loads: every queue, exchange and policy in it that can be declared, in its vhost."""
    document = json.loads(path.read_text())
    topology = Topology.load(path)
    expected = {
        section: {
            (item.get("vhost") if "vhosts" in document else None, item["name"])
            for item in document[section]
            if is_declared(item)
        }
        for section in ("exchanges", "queues", "policies")
    }
    assert {
        section: {(item.vhost, item.name) for item in getattr(topology, section)} for section in expected
    } == expected


def is_declared(item: dict[str, Any]) -> bool:
    return item["name"] != "" and not item["name"].startswith("amq.") and not item.get("exclusive")


@pytest.mark.parametrize("path", EXPORTS, ids=lambda path: path.stem)
def test_shows_no_secret(path: Path) -> None:
    """The password hashes and URIs of an export are in nobody's repr."""
    shown = repr(Topology.load(path))
    for user in json.loads(path.read_text()).get("users", []):
        assert user["password_hash"] not in shown
    assert "pa55word" not in shown


def test_bindings() -> None:
    """Bindings keep their keys, their arguments by type, and what they lead to."""
    bindings = export("3.10").bindings
    documents = {"x-match": "all", "format": "pdf", "pages": 3, "draft": False}
    assert Binding(source="documents", destination="pdf", arguments=documents, vhost="shop") in bindings
    audit = Binding(source="orders", destination="audit", destination_type="exchange", routing_key="#", vhost="shop")
    assert audit in bindings


def test_everything_in_its_vhost() -> None:
    """An export of the whole broker names the vhost of each object, an export of one vhost of none."""
    whole, one = export("3.10"), export("3.10-vhost")
    assert {binding.vhost for binding in whole.bindings} == {"/", "shop"}
    assert {thing.vhost for thing in (*one.queues, *one.bindings, *one.policies)} == {None}
    assert whole.vhosts == (Vhost(name="shop"), Vhost(name="/"))


@pytest.mark.parametrize(
    ("name", "types"),
    [
        ("3.12-rabbitmqctl", {"orders.eu": "quorum", "mail": "classic", "news": None}),
        ("3.13", {"orders.eu": "quorum", "mail": "classic", "history": "stream"}),
        ("4.0", {"orders.eu": "quorum", "mail": "classic"}),
        ("4.1-vhost", {"orders.eu": "quorum", "older": "quorum", "mail": "classic"}),
        ("4.2-rabbitmqctl", {"log": "classic", "history": "stream"}),
    ],
)
def test_queue_types(name: str, types: dict[str, str | None]) -> None:
    """A queue is declared with its type where its vhost has another default, wherever versions write that."""
    assert {queue.name: queue.arguments.get("x-queue-type") for queue in export(name).queues} == types


def test_left_out() -> None:
    """What nobody can declare is left out, and said with its place: server-named queues, bindings to nowhere."""
    left_out = export("3.6").left_out
    assert [str(each) for each in left_out] == [
        f"{QUEUE} is left out: RabbitMQ chose its name, and chooses another one next time",
        f"binding of {QUEUE} to orders with key '#' is left out: the export lacks the {QUEUE}",
    ]
    assert [each.place.line for each in left_out] == [1, 1]


def test_dangling_bindings_of_an_export() -> None:
    """RabbitMQ leaves out exclusive queues and internal exchanges, but not their bindings."""
    reasons = [each.reason for each in export("3.10-rabbitmqctl").left_out if each.what.startswith("binding")]
    lacking = ["exchange behind", "exchange behind", "queue amq.gen-jcLFfT1AuG5QK2jafa2Ccw", "queue replies-17"]
    assert reasons == [f"the export lacks the {name}" for name in lacking]


def test_dangling_bindings_of_people() -> None:
    """In JSON that no broker wrote, a binding to what is not declared stays a mistake."""
    document = {"exchanges": [{"name": "e", "type": "fanout"}], "bindings": [{"source": "e", "destination": "q"}]}
    assert problems_of(document)[0].endswith("the queue 'q' of this binding is not declared [undeclared]")
    assert len(parse({**document, "rabbit_version": "3.8.0"}).left_out) == 1


def test_listing() -> None:
    """What the HTTP API lists loads like an export; exclusive queues and what every broker has are not in it."""
    listed, exported = export("3.10-listing"), export("3.10")
    assert set(listed.exchanges) == set(exported.exchanges)
    assert {queue.name for queue in listed.queues} == {queue.name for queue in exported.queues}
    assert {str(binding) for binding in listed.bindings} == {str(binding) for binding in exported.bindings}
    assert {each.reason for each in listed.left_out if each.what == "queue replies-17"} == {
        "it is exclusive, and vanishes with the connection that has it"
    }


def test_names_that_are_nearly_known() -> None:
    """What an old broker holds may be somebody's typing error; RabbitMQ took it, and so does an export."""
    assert {"x-mesage-ttl": 60_000, "x-queue-mode": "lazy"} in [queue.arguments for queue in export("3.6").queues]


@pytest.mark.parametrize(
    ("queue", "problem"),
    [
        ({"durabel": True}, "queue 'q' has no key 'durabel'; did you mean 'durable'? [unknown-key]"),
        ({"exclusive": True}, "exclusive queues vanish with the connection that declares them"),
        ({"arguments": [1]}, "arguments must be a mapping (key: value), not a list [type]"),
        ({"arguments": {"x-message-ttl": "60000"}}, "x-message-ttl must be an integer, not the text '60000'"),
        ({"durable": "true"}, "durable must be true or false, not the text 'true': remove the quotes [type]"),
    ],
)
def test_problem(queue: dict[str, Any], problem: str) -> None:
    """What RabbitMQ would refuse, and keys that nobody exports, are mistakes in JSON too."""
    (found,) = problems_of({"rabbit_version": "3.8.0", "queues": [{"name": "q", **queue}]})
    assert problem in found


def test_empty_lists_for_empty_tables() -> None:
    """Old versions wrote an empty table as an empty list."""
    document = {
        "exchanges": [{"name": "e", "type": "fanout", "arguments": []}],
        "queues": [{"name": "q", "arguments": [], "auto_delete": True}],
        "bindings": [{"source": "e", "destination": "q", "arguments": []}],
        "policies": [{"name": "p", "pattern": "a", "definition": []}],
    }
    topology = parse(document)
    assert [*topology.queues[0].arguments, *topology.bindings[0].arguments, *topology.policies[0].definition] == []


def test_no_variables() -> None:
    """JSON is taken literally."""
    assert Topology.parse('{"queues": [{"name": "${NAME}"}]}', variables={"NAME": "x"}).queues[0].name == "${NAME}"
