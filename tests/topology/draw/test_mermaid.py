"""Mermaid: a flowchart that its parser reads, whatever the names."""

from __future__ import annotations

import re

from hypothesis import given, settings

from amqptool.topology import Topology
from amqptool.topology.draw import Figures, Graph, build, highlight, mermaid
from amqptool.topology.routing import Router
from tests.support.pictures import HOSTILE, ORDERS, hostile, topologies

#: Within quotes: words, spaces, mermaid's entities and line breaks; punctuation only within a word, but for , / and :.
_TEXT = r'"(?:[^\W_]|(?<=[^\W_])[.\-_](?=[^\W_])|[^\x21-\x7e\n]|[,/:]|#\d+;|<br/>)*"'
_NODE = rf"[nkm]\d+(?:\[\({_TEXT}\)\]|\(\[{_TEXT}\]\)|\[{_TEXT}\]):::\w+"
_ARROW = r"(?:-->|-\.->|<-\.->)"
_STATEMENTS = re.compile(
    rf"flowchart LR|  {_NODE}|  n\d+ {_ARROW}(?:\|{_TEXT}\|)? n\d+|  {_NODE} {_ARROW} {_NODE}"
    rf"|  subgraph \w+\[(?:{_TEXT})\]|  end|  classDef \w+ [\w:#,.\-]+|  class [n\d,]+ \w+"
    r"|  linkStyle [\d,]+ [\w:#,.\- ]+"
)


def check(graph: Graph) -> str:
    """Return the text, once each line is known to be a statement."""
    text = mermaid(graph)
    for line in text.split("\n"):
        assert _STATEMENTS.fullmatch(line), line
    return text


def shown(text: str) -> list[str]:
    """Return the quoted texts as mermaid shows them."""
    quoted = re.findall(r'"([^"]*)"', text)
    return [re.sub(r"#(\d+);", lambda match: chr(int(match[1])), each) for each in quoted]


@settings(deadline=None)
@given(topologies())
def test_a_node_and_an_edge_for_each(topology: Topology) -> None:
    """Every statement is well formed, none is missing, and every line has its look."""
    graph = build(topology)
    text = check(graph)
    assert len(re.findall(r"^  n\d+[\[(]", text, re.MULTILINE)) == len(graph.nodes)
    assert len(re.findall(r"^  n\d+ <?-", text, re.MULTILINE)) == len(graph.edges)
    styled = [number for line in re.findall(r"linkStyle (\S+)", text) for number in line.split(",")]
    assert len(styled) == len(set(styled)) == len(re.findall(rf" {_ARROW}", text))


def test_hostile_names_are_labels() -> None:
    """All that mermaid, Markdown or HTML would read is an entity."""
    names = {text.split("<br/>")[0] for text in shown(check(build(hostile())))}
    assert {name for name in HOSTILE if name.isprintable() and len(name) < 60} <= names


def test_ordinary_names_stay_readable() -> None:
    """Dots, dashes and underlines within a word mean nothing to anybody."""
    text = mermaid(build(Topology.parse("queues: {my-app.play_store: }")))
    assert 'n0[("my-app.play_store<br/>classic queue")]:::queue' in text


def test_kinds_of_edges_look_different() -> None:
    """By arrow, dashes and colour, with a legend."""
    text = check(build(Topology.parse(ORDERS)))
    assert len(re.findall("linkStyle", text)) == 5
    assert "dead letters" in shown(text)
    assert len(re.findall(r"^  n\d+ <-", text, re.MULTILINE)) == 1


def test_a_route_is_lit() -> None:
    """What is not on it is transparent; the legend is neither."""
    topology = Topology.parse(ORDERS)
    steps = Router(topology).explain("orders", "order.paid", {}).steps
    text = check(highlight(build(topology), steps, None))
    assert "class n0,n1,n3,n5 lit" in text
    assert len(re.findall(r"linkStyle .*stroke-width:3px", text)) == 1
    assert re.search(r"linkStyle .*opacity:0.3", text)


def test_vhosts_are_frames_and_figures_are_lines() -> None:
    """As everywhere."""
    topology = Topology.parse("queues: [{name: q, vhost: a}, {name: q, vhost: b}]")
    texts = shown(check(build(topology, figures={("a", "q"): Figures(ready=1)})))
    assert {"vhost a", "vhost b", "q<br/>classic queue<br/>1 ready, 0 unacked"} <= set(texts)
