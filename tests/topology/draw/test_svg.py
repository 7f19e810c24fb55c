"""SVG: well-formed, harmless, and a faithful picture of the graph."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from hypothesis import given, settings

from amqptool.topology import Topology
from amqptool.topology.draw import Figures, Graph, build, highlight, svg
from amqptool.topology.routing import Router
from tests.support.pictures import HOSTILE, ORDERS, hostile, topologies

SVG = "{http://www.w3.org/2000/svg}"
#: Rounding of numbers in the file, in pixels.
TINY = 0.21

#: The beginning and the end of an element's place: left, top, right, bottom.
Corners = tuple[float, float, float, float]


def drawn(graph: Graph) -> ET.Element:
    """Return the picture as its elements."""
    return ET.fromstring(svg(graph))


def groups(root: ET.Element, kind: str) -> list[ET.Element]:
    """Return the groups of a class."""
    return [group for group in root.iter(f"{SVG}g") if kind in group.attrib["class"].split()]


def texts(element: ET.Element) -> list[str]:
    """Return what is written in an element."""
    return [text.text or "" for text in element.iter(f"{SVG}text")]


def corners(element: ET.Element, kind: str) -> list[Corners]:
    """Return the places of the rectangles of a class in an element."""
    found = [each for each in element.iter(f"{SVG}rect") if each.attrib["class"] == kind]
    places = [tuple(float(each.attrib[name]) for name in ("x", "y", "width", "height")) for each in found]
    return [(x, y, x + width, y + height) for x, y, width, height in places]


def overlap(one: Corners, other: Corners) -> bool:
    """Return whether two places have more in common than rounding explains."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return across > TINY and down > TINY


def tips(edge: ET.Element) -> list[tuple[float, float]]:
    """Return where the arrows of an edge point."""
    heads = [each.attrib["d"] for each in edge.iter(f"{SVG}path") if each.attrib["class"] == "head"]
    return [(float(match[1]), float(match[2])) for head in heads if (match := re.match(r"M([\d.]+) ([\d.]+)", head))]


@settings(deadline=None)
@given(topologies())
def test_a_picture_shows_the_graph(topology: Topology) -> None:
    """A group for each node and edge; boxes and labels lie apart, within the page, and arrows end at boxes."""
    graph = build(topology)
    root = drawn(graph)
    nodes, edges = groups(root, "node"), groups(root, "edge")
    assert (len(nodes), len(edges)) == (len(graph.nodes), len(graph.edges))
    boxes, labels = corners(root, "box"), corners(root, "back")
    everything = [*boxes, *labels]
    for number, one in enumerate(everything):
        assert not any(overlap(one, other) for other in everything[number + 1 :])
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    assert all(x > 0 and y > 0 and right < width and bottom < height for x, y, right, bottom in everything)
    for edge in edges:
        for x, y in tips(edge):
            at_side = any(
                min(abs(x - left), abs(x - right)) < TINY and top < y < low for left, top, right, low in boxes
            )
            assert at_side or any(left < x < right and abs(y - low) < TINY for left, _, right, low in boxes)


@settings(deadline=None)
@given(topologies())
def test_the_same_topology_is_the_same_picture(topology: Topology) -> None:
    """Byte for byte, so that pictures can be kept beside the files."""
    assert svg(build(topology)) == svg(build(topology))


def test_each_kind_of_edge_is_drawn_apart_and_explained() -> None:
    """By its class and in the legend; a retry has two arrows."""
    root = drawn(build(Topology.parse(ORDERS)))
    legend = groups(root, "legend")
    assert [each.attrib["class"] for each in legend] == [
        "legend binding",
        "legend default",
        "legend alternate",
        "legend dead-letter",
        "legend retry",
    ]
    assert [len(tips(each)) for each in groups(root, "edge") if "retry" in each.attrib["class"]] == [2]


def test_bindings_alone_need_no_legend() -> None:
    """A line from an exchange to a queue explains itself."""
    assert not groups(
        drawn(build(Topology.parse("exchanges: {e: fanout}\nqueues: {q: {bindings: [{source: e}]}}"))), "legend"
    )


def test_names_and_keys_are_written() -> None:
    """What fits is written in full; the lines of a label are its keys."""
    root = drawn(build(Topology.parse(ORDERS)))
    assert ["billing", "classic queue"] in [texts(node) for node in groups(root, "node")]
    assert ["retry 5s, 1m", "2 wait queues"] in [texts(node) for node in groups(root, "node")]
    assert ["order.paid", "order.refunded"] in [texts(edge) for edge in groups(root, "edge")]


def test_what_does_not_fit_is_a_tooltip() -> None:
    """Long names and many keys are shortened in the picture, and whole in a title."""
    name = "a" * 100 + "z"
    keys = ", ".join(f"{{source: e, routing_key: k{number}}}" for number in range(9))
    root = drawn(build(Topology.parse(f"exchanges: {{e: direct}}\nqueues: {{{name}: {{bindings: [{keys}]}}}}")))
    (queue,) = (node for node in groups(root, "node") if "queue" in node.attrib["class"])
    assert texts(queue)[0] == f"{'a' * 20}…{'a' * 18}z"
    assert [each.text for each in queue.iter(f"{SVG}title")] == [name]
    (edge,) = groups(root, "edge")
    assert texts(edge) == ["k0", "k1", "k2", "… and 6 more"]
    assert [each.text for each in edge.iter(f"{SVG}title")] == ["k0, k1, k2, k3, k4, k5, k6, k7, k8"]


def test_hostile_names_are_text() -> None:
    """They add no element, and nothing that XML does not allow."""
    root = drawn(build(hostile()))
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags == {"svg", "title", "desc", "style", "rect", "g", "path", "text"}
    written = {text for node in groups(root, "node") for text in texts(node)}
    assert {name for name in HOSTILE if name.isprintable() and len(name) < 40} <= written


def test_nothing_is_loaded_or_run() -> None:
    """The picture is complete by itself, and readable on a dark page too."""
    text = svg(build(Topology.parse(ORDERS)))
    assert "prefers-color-scheme: dark" in text
    assert not re.search(r"<script|href|@import|url\(|\son\w+=", text)


def test_it_says_what_it_shows() -> None:
    """For screen readers: a title and a description."""
    root = ET.fromstring(svg(build(Topology.parse(ORDERS)), "app & co"))
    assert (root.attrib["role"], root.attrib["aria-labelledby"]) == ("img", "title desc")
    assert [root[0].text, root[1].text] == ["app & co", "3 exchanges, 7 queues"]


def test_a_route_is_lit_and_the_rest_steps_back() -> None:
    """Nodes and edges are one or the other."""
    topology = Topology.parse(ORDERS)
    steps = Router(topology).explain("orders", "other", {}).steps
    root = drawn(highlight(build(topology), steps, None))
    lit = {texts(node)[0] for node in groups(root, "node") if "lit" in node.attrib["class"].split()}
    assert lit == {"orders", "audit"}
    both = [*groups(root, "node"), *groups(root, "edge")]
    assert all(len({"lit", "dim"} & set(each.attrib["class"].split())) == 1 for each in both)


def test_figures_are_written_into_queues() -> None:
    """Depths on one line, rates on the next."""
    figures = {(None, "q"): Figures(ready=12, unacked=3, published=4.0)}
    root = drawn(build(Topology.parse("queues: {q: }"), figures=figures))
    assert ["q", "classic queue", "12 ready, 3 unacked", "4.0/s in, 0.0/s out"] in [
        texts(node) for node in groups(root, "node")
    ]


def test_vhosts_have_headings() -> None:
    """Only where there are several."""
    root = drawn(build(Topology.parse("queues: [{name: q, vhost: a}, {name: q, vhost: b}]")))
    headings = [text.text for text in root.iter(f"{SVG}text") if text.attrib["class"] == "heading"]
    assert headings == ["vhost a", "vhost b"]


def test_an_empty_picture_is_one() -> None:
    """Nothing to draw is no error."""
    assert drawn(Graph()).tag == f"{SVG}svg"
