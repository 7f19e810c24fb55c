"""Topologies as YAML for people: short where nothing is to be said, laid out to be read."""

from __future__ import annotations

import pytest

from amqptool.topology import Binding, Exchange, Policy, Queue, RoutingTest, Topology, Vhost
from amqptool.topology.dump.layout import WIDTH

TIDY = """\
exchanges:
  incoming: topic
  rest: {type: fanout, durable: false, auto_delete: true, internal: true}
  audit:
    type: headers
    alternate_exchange: rest
    bindings:
      - {source: incoming, routing_key: "#"}

queues:
  playstore:
    type: quorum
    message_ttl: 1m30s
    max_length_bytes: 64MiB
    delivery_limit: 5
    retry: [5s, 1m]
    dead_letter: true
    bindings:
      - {source: incoming, routing_key: publish.playstore}
      - {source: audit, arguments: {x-match: any, kind: a, number: 7}}
  jobs: quorum
  plain:
  old: {durable: false, arguments: {x-of-a-plugin: [1, a]}}

bindings:
  - {source: incoming, destination: amq.topic, destination_type: exchange, routing_key: a.*}
  - {source: incoming, destination: playstore.dead, routing_key: lost}
"""


def test_tidy_files_stay_as_they_are() -> None:
    """A file in the form that is written is written again word for word."""
    assert Topology.parse(TIDY.replace("[1, a]", "1")).to_yaml() == TIDY.replace("[1, a]", "1")


def test_nothing() -> None:
    """What declares nothing is a file that loads."""
    assert Topology().to_yaml() == "queues: {}\n"
    assert Topology.parse(Topology().to_yaml()) == Topology()


def test_written_out() -> None:
    """Without folding, implied queues and the arguments of dead-lettering stand there."""
    topology = Topology.parse("queues: {q: {type: quorum, retry: [5s], dead_letter: dead}}")
    assert topology.to_yaml(fold=False) == (
        "queues:\n"
        "  q:\n"
        "    type: quorum\n"
        "    overflow: reject-publish\n"
        '    dead_letter_exchange: ""\n'
        "    dead_letter_routing_key: dead\n"
        "    dead_letter_strategy: at-least-once\n"
        "  amqptool.retry.q.5000:\n"
        "    type: quorum\n"
        "    message_ttl: 5s\n"
        "    overflow: reject-publish\n"
        '    dead_letter_exchange: ""\n'
        "    dead_letter_routing_key: q\n"
        "    dead_letter_strategy: at-least-once\n"
        "  dead: {type: quorum, delivery_limit: 2147483647}\n"
    )


def test_vhosts_policies_and_tests() -> None:
    """Sections have their order, and defaults are left out."""
    topology = Topology(
        vhosts=(Vhost(name="v", default_queue_type="quorum"), Vhost(name="w")),
        policies=(
            Policy(name="ttl", pattern="^jobs\\.", definition={"federation-upstream-set": "all", "message-ttl": 5000}),
            Policy(name="ha", pattern=".*", apply_to="queues", priority=1, definition={"max-length": 10}),
        ),
        tests=(
            RoutingTest(exchange="in", routing_key="a", reaches=("q", "r")),
            RoutingTest(exchange="in", routing_key="", headers={"n": 1}),
        ),
    )
    assert topology.to_yaml() == (
        "vhosts:\n"
        "  v: {default_queue_type: quorum}\n"
        "  w:\n"
        "\n"
        "policies:\n"
        "  ttl: {pattern: ^jobs\\., definition: {message_ttl: 5s, federation-upstream-set: all}}\n"
        "  ha: {pattern: .*, apply_to: queues, priority: 1, definition: {max_length: 10}}\n"
        "\n"
        "tests:\n"
        "  - publish: {exchange: in, routing_key: a}\n"
        "    reaches: [q, r]\n"
        '  - publish: {exchange: in, headers: {"n": 1}}\n'
        "    reaches: []\n"
    )


def test_objects_of_one_vhost() -> None:
    """Names stay keys where one vhost is named, and each object names it."""
    topology = Topology(exchanges=(Exchange(name="e", type="fanout", vhost="v"),), queues=(Queue(name="q", vhost="v"),))
    assert topology.to_yaml() == "exchanges:\n  e: {vhost: v, type: fanout}\n\nqueues:\n  q: {vhost: v}\n"


def test_objects_of_several_vhosts() -> None:
    """A name may stand for a queue of each vhost, so the section is a list; `type: classic` says nothing there."""
    queues = (
        Queue(name="q", vhost="v", arguments={"x-queue-type": "classic"}),
        Queue(name="q", vhost="w", arguments={"x-queue-type": "quorum"}),
    )
    topology = Topology(queues=queues, bindings=(Binding(source="amq.topic", destination="q", vhost="w"),))
    assert topology.to_yaml() == (
        "queues:\n"
        "  - {name: q, vhost: v, queue_type: classic}\n"
        "  - name: q\n"
        "    vhost: w\n"
        "    type: quorum\n"
        "    bindings:\n"
        "      - {source: amq.topic}\n"
    )
    assert Topology.parse(topology.to_yaml()) == topology


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        ({"x-message-ttl": 1500}, "{message_ttl: 1s500ms}"),
        ({"x-message-ttl": 0}, "{message_ttl: 0}"),
        ({"x-max-length-bytes": 1_000_000}, "{max_length_bytes: 1MB}"),
        ({"x-max-length-bytes": 1001}, "{max_length_bytes: 1001B}"),
        ({"x-single-active-consumer": True}, "{single_active_consumer: true}"),
        ({"x-max-length": "10"}, '{arguments: {x-max-length: "10"}}'),
        ({"x-max-length": True}, "{arguments: {x-max-length: true}}"),
        ({"x-foo": None}, "{arguments: {x-foo: null}}"),
        ({"x-foo": {"deep": {"er": 1.0}}}, "{arguments: {x-foo: {deep: {er: 1.0}}}}"),
    ],
)
def test_arguments(arguments: dict[str, object], written: str) -> None:
    """Known arguments of the right type stand in shorthand, all others as they are."""
    topology = Topology(queues=(Queue(name="q", arguments=arguments),))  # type: ignore[arg-type]
    assert topology.to_yaml() == f"queues:\n  q: {written}\n"


def test_long_lines_are_blocks() -> None:
    """What does not fit on a line is written line by line."""
    name = "n" * WIDTH
    topology = Topology.parse(f"queues: {{q: {{bindings: [{{source: amq.topic, routing_key: {name}}}]}}}}")
    assert topology.to_yaml() == (
        f"queues:\n  q:\n    bindings:\n      - source: amq.topic\n        routing_key: {name}\n"
    )


def test_lists_in_arguments() -> None:
    """Lists of lists and of mappings are blocks."""
    value = [[1, [2]], [], {}, {"a": [{"b": None}]}, None]
    topology = Topology(queues=(Queue(name="q", arguments={"x-foo": value}),))  # type: ignore[dict-item]
    assert topology.to_yaml() == (
        "queues:\n"
        "  q:\n"
        "    arguments:\n"
        "      x-foo:\n"
        "        - - 1\n"
        "          - [2]\n"
        "        - []\n"
        "        - {}\n"
        "        - a:\n"
        "            - {b: null}\n"
        "        - null\n"
    )
    assert Topology.parse(topology.to_yaml()) == topology
