"""What a broker holds is made fit for a file."""

from __future__ import annotations

from amqptool.topology import Binding, Exchange, Queue, Topology, Vhost
from amqptool.topology.dump.tidy import arranged, declarable, of_no_vhost, telling_vhosts, with_types

QUORUM = Vhost(name="v", default_queue_type="quorum")


def test_order() -> None:
    """Vhosts and names are in the order of their characters, arguments too, but x-match is first."""
    bindings = [
        Binding(
            source=source, destination="q", routing_key=key, arguments={"z": 1, "b": {"d": 1, "c": 2}, "x-match": "any"}
        )
        for source, key in (("b", "a"), ("a", "b"), ("a", "a"))
    ]
    queues = [Queue(name=name, vhost=vhost) for name, vhost in (("b", "w"), ("a", "w"), ("c", "v"))]
    found = arranged(Topology(queues=tuple(queues), bindings=tuple(bindings)))
    assert [(queue.vhost, queue.name) for queue in found.queues] == [("v", "c"), ("w", "a"), ("w", "b")]
    assert [(each.source, each.routing_key) for each in found.bindings] == [("a", "a"), ("a", "b"), ("b", "a")]
    assert list(found.bindings[0].arguments) == ["x-match", "b", "z"]
    assert list(found.bindings[0].arguments["b"]) == ["c", "d"]  # type: ignore[arg-type]


def test_one_vhost() -> None:
    """What was one vhost's names none afterwards."""
    topology = Topology.parse("queues: {q: {vhost: v, bindings: [{source: amq.topic}]}}\nvhosts: {v: }")
    assert of_no_vhost(topology) == Topology.parse("queues: {q: {bindings: [{source: amq.topic}]}}")


def test_telling_vhosts() -> None:
    """A vhost is named if nothing in it names it, or if its queues have another type by default."""
    vhosts = (
        QUORUM,
        Vhost(name="w", default_queue_type="classic"),
        Vhost(name="x"),
        Vhost(name="empty", default_queue_type="classic"),
    )
    topology = Topology(vhosts=vhosts, exchanges=tuple(Exchange(name="e", type="topic", vhost=name) for name in "vwx"))
    assert telling_vhosts(topology).vhosts == (QUORUM, Vhost(name="empty"))


def test_the_type_of_older_queues() -> None:
    """A classic queue in a vhost that makes quorum queues by now says what it is."""
    old, new = Queue(name="old", vhost="v"), Queue(name="new", vhost="v", arguments={"x-queue-type": "quorum"})
    other = Queue(name="other", vhost="w")
    classic = Queue(name="old", vhost="v", arguments={"x-queue-type": "classic"})
    assert with_types(Topology(vhosts=(QUORUM,), queues=(old, new, other))).queues == (classic, new, other)
    assert with_types(Topology(queues=(old,))).queues == (old,)


def test_what_can_be_declared() -> None:
    """Queues that the broker named are left out with their bindings, and so are bindings whose end is gone."""
    kept = (
        Binding(source="e", destination="q", vhost="v"),
        Binding(source="amq.topic", destination="q", vhost="v"),
        Binding(source="amq.rabbitmq.event", destination="amq.topic", destination_type="exchange", vhost="v"),
    )
    lost = (
        Binding(source="e", destination="amq.gen-x", vhost="v"),
        Binding(source="e", destination="q", vhost="w"),
        Binding(source="gone", destination="q", vhost="v"),
        Binding(source="amq.of-a-plugin", destination="q", vhost="v"),
    )
    exchanges, queues = (Exchange(name="e", type="topic", vhost="v"),), (Queue(name="q", vhost="v"),)
    named = tuple(Queue(name=f"amq.gen-{letter}", vhost="v") for letter in "xy")
    found, left_out = declarable(Topology(exchanges=exchanges, queues=queues + named, bindings=kept + lost))
    assert found == Topology(exchanges=exchanges, queues=queues, bindings=kept)
    assert left_out == ["2 queues that the broker named (amq.…)", "4 bindings to what is not in the file"]
    assert declarable(found) == (found, [])
