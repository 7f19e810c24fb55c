"""The graph of a topology: what is a node, what is an edge, and what one stands for."""

from __future__ import annotations

from hypothesis import given, settings

from amqptool.topology import Topology
from amqptool.topology.draw import Figures, Graph, Key, build
from tests.support.pictures import ORDERS, topologies


def edges(graph: Graph, kind: str) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the edges of one kind: names of both ends → labels."""
    return {(each.source.name, each.target.name): each.labels for each in graph.edges if each.kind == kind}


def roles(graph: Graph) -> dict[str, str]:
    """Return what each queue is to the others."""
    return {node.name: node.role for node in graph.nodes if node.kind == "queue"}


def test_several_bindings_between_the_same_ends_are_one_edge() -> None:
    """Its labels are their keys; what a headers exchange looks at is a label too."""
    assert edges(build(Topology.parse(ORDERS)), "binding") == {
        ("orders", "audit"): ("#",),
        ("orders", "billing"): ("order.paid", "order.refunded"),
        ("orders", "shipping"): ("order.paid",),
        ("audit", "audit.eu"): ('any: region="eu", level=3',),
        ("unroutable", "lost"): (),
    }


def test_the_wait_queues_of_a_queue_are_one_node() -> None:
    """It has their delays, the shortest first; nothing else of them is drawn."""
    graph = build(Topology.parse(ORDERS))
    (ladder,) = [node for node in graph.nodes if node.kind == "ladder"]
    assert (ladder.name, ladder.delays, ladder.role) == ("billing", (5_000, 60_000), "wait")
    assert edges(graph, "retry") == {("billing", "billing"): ()}
    assert not [node for node in graph.nodes if "amqptool.retry" in node.name]


def test_expanded_each_wait_queue_is_a_node() -> None:
    """The way to each is labelled with its delay."""
    graph = build(Topology.parse(ORDERS), expanded=True)
    names = ["amqptool.retry.billing.5000", "amqptool.retry.billing.60000"]
    assert edges(graph, "retry") == {("billing", names[0]): ("5s",), ("billing", names[1]): ("1m",)}
    assert [name for name, role in roles(graph).items() if role == "wait"] == names


def test_dead_letters_lead_to_an_exchange_or_straight_to_a_queue() -> None:
    """Through the default exchange they lead to the queue that the key names; through another, the key is a label."""
    assert edges(build(Topology.parse(ORDERS)), "dead-letter") == {
        ("billing", "billing.dead"): (),
        ("shipping", "orders"): ("order.lost",),
        ("tasks", "tasks.wait"): (),
        ("tasks.wait", "tasks"): (),
    }


def test_a_dead_letter_queue_is_known_by_its_name() -> None:
    """A broker does not say whose it is, so its conventional name and arguments must do."""
    graph = build(
        Topology.parse(
            "queues: {q: {}, q.dead: {queue_type: quorum, delivery_limit: 2147483647}, r: {}, r.dead: {max_length: 1}}"
        )
    )
    assert roles(graph) == {"q": "own", "q.dead": "dead", "r": "own", "r.dead": "own"}


def test_dead_letters_with_their_own_key_lead_to_the_default_exchange() -> None:
    """Which queue that is depends on the message."""
    graph = build(Topology.parse('queues: {q: {arguments: {x-dead-letter-exchange: ""}}}'))
    assert edges(graph, "dead-letter") == {("q", ""): ()}


def test_policies_count() -> None:
    """Alternate exchanges and dead letters may come from a policy."""
    graph = build(
        Topology.parse(
            """
            exchanges: {e: topic, spare: fanout}
            queues: {q: {}}
            policies:
              - {name: a, pattern: "^e$", apply-to: exchanges, definition: {alternate-exchange: spare}}
              - {name: b, pattern: q, apply-to: queues, definition: {dead-letter-exchange: e}}
            """
        )
    )
    assert edges(graph, "alternate") == {("e", "spare"): ()}
    assert edges(graph, "dead-letter") == {("q", "e"): ()}


def test_the_default_exchange_reaches_what_nothing_else_does() -> None:
    """Of queues that only each other's dead letters reach, the first one counts."""
    assert edges(build(Topology.parse(ORDERS)), "default") == {("", "tasks"): ()}


def test_what_nobody_declares_is_missing() -> None:
    """A dead-letter exchange may be somebody else's; the broker's own exchanges are not missing."""
    text = "queues: {q: {arguments: {x-dead-letter-exchange: theirs}, bindings: [{source: amq.match}]}}"
    nodes = {node.name: node for node in build(Topology.parse(text)).nodes}
    assert nodes["theirs"].role == "missing"
    assert (nodes["amq.match"].role, nodes["amq.match"].type) == ("own", "headers")


def test_figures_go_to_their_queues() -> None:
    """Those of a ladder are the sum of its queues'."""
    figures = {(None, f"amqptool.retry.billing.{delay}"): Figures(ready=2, published=0.5) for delay in (5_000, 60_000)}
    nodes = build(Topology.parse(ORDERS), figures=figures | {(None, "lost"): Figures(unacked=7)}).nodes
    held = {(node.kind, node.name): node.figures for node in nodes if node.figures}
    assert held == {("ladder", "billing"): Figures(ready=4, published=1.0), ("queue", "lost"): Figures(unacked=7)}


def test_vhosts_are_kept_apart() -> None:
    """The same name in two vhosts is two nodes."""
    graph = build(Topology.parse("queues: [{name: q, vhost: a}, {name: q, vhost: b}, {name: r}]"))
    assert graph.vhosts == ("a", "b", None)
    assert Key("b", "queue", "q") in {node.key for node in graph.of_vhost("b").nodes}
    assert {node.name for node in graph.within(["b"]).nodes} == {"q", "r", ""}


def test_around() -> None:
    """A prefix or a glob chooses nodes; their edges and the other ends of these come along."""
    graph = build(Topology.parse(ORDERS))
    assert {node.name for node in graph.around("ship").nodes} == {"orders", "shipping"}
    assert {node.name for node in graph.around("*.eu").nodes} == {"audit", "audit.eu"}
    assert graph.around("ship*g").edges == graph.around("shipping").edges
    assert graph.around("nothing").nodes == ()


@settings(deadline=None)
@given(topologies())
def test_every_edge_has_its_ends_and_every_queue_a_way_in(topology: Topology) -> None:
    """Whatever is declared, collapsed or not."""
    for expanded in (False, True):
        graph = build(topology, expanded=expanded)
        keys = {node.key for node in graph.nodes}
        assert len(keys) == len(graph.nodes)
        assert {end for edge in graph.edges for end in (edge.source, edge.target)} <= keys
        entered = {edge.target for edge in graph.edges}
        assert {node.key for node in graph.nodes if node.kind in ("queue", "ladder")} <= entered
