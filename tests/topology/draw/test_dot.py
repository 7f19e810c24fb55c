"""Dot: a digraph that Graphviz reads, whatever the names."""

from __future__ import annotations

import re

from hypothesis import given, settings

from amqptool.topology import Topology
from amqptool.topology.draw import Figures, Graph, build, dot, highlight
from amqptool.topology.routing import Router
from tests.support.pictures import HOSTILE, ORDERS, hostile, topologies

_STRING = r'"(?:[^"\\\n]|\\.)*"'
_VALUE = rf"(?:{_STRING}|[\w.]+)"
_ATTRIBUTES = rf"\[(?:\w+={_VALUE}(?:, )?)*\]"
#: Every form that a line of ours may have, by Graphviz's grammar.
_STATEMENTS = re.compile(
    rf"digraph topology \{{|\s*subgraph cluster_\w+ \{{|\s*\}}|\s*(?:\w+|\w+ -> \w+) {_ATTRIBUTES}"
)


def labels(text: str) -> list[str]:
    """Return the labels as Graphviz shows them, line breaks included."""
    found = re.findall(r'label="((?:[^"\\]|\\.)*)"', text)
    plain = {"n": "\n", "\\": "\\", '"': '"'}
    unescaped = [re.sub(r"\\(.)", lambda match: plain[match[1]], each) for each in found]
    return [each.replace("&amp;", "&") for each in unescaped]


def check(graph: Graph) -> str:
    """Return the text, once each line is known to be a statement and the braces match."""
    text = dot(graph)
    for line in text.split("\n"):
        assert _STATEMENTS.fullmatch(line), line
    assert text.count("{\n") == len(re.findall(r"^\s*\}$", text, re.MULTILINE))
    return text


@settings(deadline=None)
@given(topologies())
def test_a_node_and_an_edge_for_each(topology: Topology) -> None:
    """Every statement is well formed, and none is missing."""
    graph = build(topology)
    text = check(graph)
    assert len(re.findall(r"^\s*n\d+ \[", text, re.MULTILINE)) == len(graph.nodes)
    assert len(re.findall(r"^\s*n\d+ -> n\d+ \[", text, re.MULTILINE)) == len(graph.edges)


def test_hostile_names_are_labels() -> None:
    """Quotes and backslashes are escaped, and so is & because Graphviz reads entities."""
    shown = {label.split("\n")[0] for label in labels(check(build(hostile())))}
    assert {name for name in HOSTILE if name.isprintable() and len(name) < 60} <= shown


def test_kinds_of_edges_look_different() -> None:
    """By style and colour, with a legend."""
    text = check(build(Topology.parse(ORDERS)))
    looks = set(re.findall(r"n\d+ -> n\d+ .*(style=\"\w+\", color=\"#\w+\")", text))
    assert len(looks) == 5
    assert "retry: there, and back after the delay" in labels(text)
    assert len(re.findall(r"^\s*n\d+ -> .*dir=\"both\"", text, re.MULTILINE)) == 1


def test_a_route_is_lit() -> None:
    """What is not on it is transparent."""
    topology = Topology.parse(ORDERS)
    steps = Router(topology).explain("orders", "order.paid", {}).steps
    text = check(highlight(build(topology), steps, None))
    assert len(re.findall(r'^\s*n\d+ -> .*penwidth="3"', text, re.MULTILINE)) == 3
    assert re.search(r'label="lost.*color="#\w{6}40"', text)


def test_vhosts_are_frames_and_figures_are_lines() -> None:
    """As everywhere."""
    topology = Topology.parse("queues: [{name: q, vhost: a}, {name: q, vhost: b}]")
    shown = labels(check(build(topology, figures={("a", "q"): Figures(ready=1)})))
    assert {"vhost a", "vhost b", "q\nclassic queue\n1 ready, 0 unacked"} <= set(shown)
