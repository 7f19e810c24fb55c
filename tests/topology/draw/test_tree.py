"""The tree for terminals."""

from __future__ import annotations

from hypothesis import given, settings

from amqptool.topology import Topology
from amqptool.topology.draw import Figures, build, highlight, tree
from amqptool.topology.routing import Router
from tests.support.pictures import HOSTILE, ORDERS, hostile, topologies


def test_every_kind_of_branch() -> None:
    """Keys, retries, dead letters, alternate exchanges, cycles and queues that nobody binds."""
    assert tree(build(Topology.parse(ORDERS))) == (
        "orders (topic)\n"
        "├─ # → audit (headers, internal)\n"
        '│  └─ any: region="eu", level=3 → audit.eu (stream)\n'
        "├─ order.paid, order.refunded → billing (classic)\n"
        "│  ├─ retry 5s, 1m\n"
        "│  └─ dead letters → billing.dead (quorum)\n"
        "├─ order.paid → shipping (classic)\n"
        "│  └─ dead letters as order.lost → ↺ orders\n"
        "└─ otherwise → unroutable (fanout)\n"
        "\n"
        "unroutable (fanout)\n"
        "└─ lost (classic)\n"
        "\n"
        "(default exchange)\n"
        "└─ tasks (classic)\n"
        "   └─ dead letters → tasks.wait (classic)\n"
        "      └─ dead letters → ↺ tasks"
    )


def test_branches_are_shown_once() -> None:
    """Where a node comes up again, an arrow says that its branches are above."""
    text = """
    exchanges: {a: fanout, b: fanout, c: {type: fanout, bindings: [{source: a}, {source: b}]}}
    queues: {q: {bindings: [{source: c}]}}
    """
    assert tree(build(Topology.parse(text))) == (
        "a (fanout)\n└─ c (fanout)\n   └─ q (classic)\n\nb (fanout)\n└─ c (fanout) ↑"
    )


def test_cycles_of_exchanges_are_cut() -> None:
    """Exchanges that only lead to each other are shown too."""
    text = "exchanges: {a: {type: fanout, bindings: [{source: b}]}, b: {type: fanout, bindings: [{source: a}]}}"
    assert tree(build(Topology.parse(text))) == "a (fanout)\n└─ b (fanout)\n   └─ ↺ a"


def test_a_tree_grows_only_so_deep() -> None:
    """Beyond that, a branch goes on further down."""
    chain = {f"e{number}": f"{{type: fanout, bindings: [{{source: e{number - 1}}}]}}" for number in range(1, 600)}
    text = "\n  ".join(["exchanges:", "e0: fanout", *(f"{name}: {body}" for name, body in chain.items())])
    lines = tree(build(Topology.parse(text))).splitlines()
    assert max(map(len, lines)) < 80
    assert any(line.endswith("e16 (fanout) ↓") for line in lines)
    assert "e16 (fanout)" in lines


def test_many_keys_are_counted() -> None:
    """Four labels are shown at most."""
    keys = ", ".join(f"{{source: e, routing_key: k{number}}}" for number in range(15))
    text = f"exchanges: {{e: direct}}\nqueues: {{q: {{bindings: [{keys}]}}}}"
    assert "└─ k0, k1, k2, … and 12 more → q (classic)" in tree(build(Topology.parse(text)))


def test_figures() -> None:
    """What a queue holds stands behind it."""
    figures = {(None, "q"): Figures(ready=1200, unacked=3, published=4.0, delivered=3.25)}
    drawn = tree(build(Topology.parse("queues: {q: }"), figures=figures))
    assert drawn.endswith("└─ q (classic)  1,200 ready, 3 unacked, 4.0/s in, 3.2/s out")


def test_a_route_is_marked() -> None:
    """Each line on the way has a mark, and all lines stay aligned."""
    topology = Topology.parse(ORDERS)
    steps = Router(topology).explain("orders", "order.paid", {"region": "eu"}).steps
    lines = tree(highlight(build(topology), steps, None)).splitlines()
    assert [line for line in lines if line.startswith("► ")] == [
        "► orders (topic)",
        "► ├─ # → audit (headers, internal)",
        '► │  └─ any: region="eu", level=3 → audit.eu (stream)',
        "► ├─ order.paid, order.refunded → billing (classic)",
        "► ├─ order.paid → shipping (classic)",
    ]
    assert all(line.startswith("  ") for line in lines if line and not line.startswith("► "))


def test_vhosts_have_headings() -> None:
    """Only where there are several."""
    drawn = tree(build(Topology.parse("queues: [{name: q, vhost: /}, {name: r}]")))
    assert drawn == (
        "vhost /:\n\n(default exchange)\n└─ q (classic)\n\n"
        "the connection's vhost:\n\n(default exchange)\n└─ r (classic)"
    )


def test_hostile_names_forge_no_line() -> None:
    """Line breaks and controls are escaped, all else is shown as it is."""
    drawn = tree(build(hostile()))
    assert all(line.isprintable() for line in drawn.splitlines())
    assert drawn.count("\n") == 3 * len(HOSTILE) - 2
    assert "a\\x0ab\\x0d\\x09c\\x00\\x1b[31m" in drawn
    assert "\\u202eRTL\\u2066\\u200b" in drawn
    assert "<script>alert(1)</script>" in drawn


@settings(deadline=None)
@given(topologies())
def test_nothing_is_left_out(topology: Topology) -> None:
    """Each node is named, and each edge is a line."""
    graph = build(topology, expanded=True)
    lines = tree(graph).splitlines()
    assert sum("├─" in line or "└─" in line for line in lines) == len(graph.edges)
    assert all(any(node.name in line for line in lines) for node in graph.nodes)


def test_no_nodes() -> None:
    """Nothing is an empty text."""
    assert tree(build(Topology())) == ""
