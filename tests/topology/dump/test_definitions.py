"""Topologies as RabbitMQ's definitions.json."""

from __future__ import annotations

import json

from amqptool.cli.sanitize import clean_text
from amqptool.topology import Binding, Exchange, Policy, Queue, RoutingTest, Topology, Unmanaged, Vhost

EVERYTHING = Topology(
    vhosts=(Vhost(name="v", default_queue_type="quorum"), Vhost(name="w")),
    exchanges=(Exchange(name="e", type="topic", internal=True, vhost="v"),),
    queues=(Queue(name="q", durable=False, arguments={"x-message-ttl": 5000, "x-foo": [1.0, None]}, vhost="v"),),
    bindings=(Binding(source="e", destination="q", routing_key="k", vhost="v"),),
    policies=(Policy(name="p", pattern=".*", definition={"max-length": 1}, apply_to="queues", priority=2, vhost="v"),),
    tests=(RoutingTest(exchange="e", routing_key="k", reaches=("q",)),),
    unmanaged=(Unmanaged(section="users", value=[{"name": "guest"}]),),
)


def test_everything_in_the_words_of_rabbitmq() -> None:
    """Each section has RabbitMQ's keys; what amqptool leaves alone is kept, and tests have no place."""
    assert json.loads(EVERYTHING.to_definitions()) == {
        "users": [{"name": "guest"}],
        "vhosts": [
            {"name": "v", "default_queue_type": "quorum", "metadata": {"default_queue_type": "quorum"}},
            {"name": "w"},
        ],
        "policies": [
            {
                "name": "p",
                "vhost": "v",
                "pattern": ".*",
                "apply-to": "queues",
                "definition": {"max-length": 1},
                "priority": 2,
            }
        ],
        "queues": [
            {
                "name": "q",
                "vhost": "v",
                "durable": False,
                "auto_delete": False,
                "arguments": {"x-message-ttl": 5000, "x-foo": [1.0, None]},
            }
        ],
        "exchanges": [
            {
                "name": "e",
                "vhost": "v",
                "type": "topic",
                "durable": True,
                "auto_delete": False,
                "internal": True,
                "arguments": {},
            }
        ],
        "bindings": [
            {
                "source": "e",
                "vhost": "v",
                "destination": "q",
                "destination_type": "queue",
                "routing_key": "k",
                "arguments": {},
            }
        ],
    }


def test_without_vhosts() -> None:
    """Objects that name no vhost are written as RabbitMQ exports one vhost: without."""
    document = json.loads(Topology.parse("queues: {q: }").to_definitions())
    assert document.keys() == {"policies", "queues", "exchanges", "bindings"}
    assert document["queues"] == [{"name": "q", "durable": True, "auto_delete": False, "arguments": {}}]


def test_what_several_files_leave_alone() -> None:
    """The users of two files are written as one list."""
    users = [Unmanaged(section="users", value=[{"name": name}]) for name in "ab"]
    versions = [Unmanaged(section="rabbit_version", value=version) for version in ("3.10.8", "4.0.5")]
    document = json.loads(Topology(unmanaged=(*users, *versions)).to_definitions())
    assert document["users"] == [{"name": "a"}, {"name": "b"}]
    assert document["rabbit_version"] == "4.0.5"


def test_one_object_a_line() -> None:
    """Objects can be found with grep and compared with diff."""
    lines = Topology.parse("queues: {a: , b: }").to_definitions().splitlines()
    assert [line for line in lines if '"a"' in line or '"b"' in line] == [
        '    {"name": "a", "durable": true, "auto_delete": false, "arguments": {}},',
        '    {"name": "b", "durable": true, "auto_delete": false, "arguments": {}}',
    ]


def test_characters() -> None:
    """What people can read stays, and what a terminal would act on is escaped, by the rules of JSON."""
    name = "雪\u202e\x7f\x85\U000e0001\x1b"
    text = Topology(queues=(Queue(name=name),)).to_definitions()
    assert '"雪\\u202e\\u007f\\u0085\\udb40\\udc01\\u001b"' in text
    assert json.loads(text)["queues"][0]["name"] == name
    assert clean_text(text) == text
