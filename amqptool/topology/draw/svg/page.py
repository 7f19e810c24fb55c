"""A page: each part of a graph that hangs together is laid out, and the parts fill rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from amqptool.topology.draw.layout import Link, Rect, Route, arrange
from amqptool.topology.draw.layout.heights import port_room
from amqptool.topology.draw.svg import style
from amqptool.topology.draw.svg.sizes import box_of, label_size
from amqptool.topology.draw.words import vhost_title

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from amqptool.topology.draw.graph import Edge, Graph, Key, Node
    from amqptool.topology.draw.layout import Arrangement

#: Rows are filled up to this width, unless one part is wider.
_ROW = 1100.0
#: The space between parts, beside and below each other.
_GAP_X, _GAP_Y = 56.0, 36.0
_HEADING = 30.0
#: Ways that messages take when something goes wrong; they may lead back.
_WEAK = ("dead-letter", "alternate")


@dataclass(slots=True)
class Page:
    """Where everything is on a page."""

    width: float = 0
    height: float = 0
    headings: list[tuple[str, float, float]] = field(default_factory=list)
    nodes: list[tuple[Node, Rect]] = field(default_factory=list)
    edges: list[tuple[Edge, Route]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Part:
    nodes: Sequence[Node]
    edges: Sequence[Edge]
    layout: Arrangement


def lay_out(graph: Graph) -> Page:
    """Place all nodes and edges of a graph."""
    page = Page(height=style.MARGIN)
    vhosts = graph.vhosts
    for vhost in vhosts:
        if len(vhosts) > 1:
            page.headings.append((vhost_title(vhost), style.MARGIN, page.height + style.HEADING_SIZE))
            page.height += _HEADING
        _fill_rows(page, [_arranged(nodes, edges) for nodes, edges in _parts(graph.of_vhost(vhost))])
    page.width += style.MARGIN
    page.height += style.MARGIN - _GAP_Y
    return page


def _fill_rows(page: Page, parts: Sequence[_Part]) -> None:
    limit = max([_ROW, *(part.layout.width for part in parts)])
    x, row = 0.0, 0.0
    for part in parts:
        if x and x + part.layout.width > limit:
            page.height += row + _GAP_Y
            x, row = 0.0, 0.0
        _place(page, part, style.MARGIN + x, page.height)
        x += part.layout.width + _GAP_X
        row = max(row, part.layout.height)
    page.height += row + _GAP_Y


def _place(page: Page, part: _Part, x: float, y: float) -> None:
    page.nodes += [(node, rect.moved(x, y)) for node, rect in zip(part.nodes, part.layout.rects, strict=True)]
    page.edges += [(edge, route.moved(x, y)) for edge, route in zip(part.edges, part.layout.routes, strict=True)]
    page.width = max(page.width, x + part.layout.width)


def _arranged(nodes: Sequence[Node], edges: Sequence[Edge]) -> _Part:
    number = {node.key: each for each, node in enumerate(nodes)}
    leaving, entering = Counter(edge.source for edge in edges), Counter(edge.target for edge in edges)
    boxes = [box_of(node, port_room(max(leaving[node.key], entering[node.key]))) for node in nodes]
    links = [
        Link(number[edge.source], number[edge.target], *label_size(edge), weak=edge.kind in _WEAK) for edge in edges
    ]
    return _Part(nodes, edges, arrange(boxes, links))


def _parts(graph: Graph) -> Iterator[tuple[list[Node], list[Edge]]]:
    """Yield the nodes and edges of each part that hangs together, in the order of their first nodes."""
    beside: dict[Key, list[Key]] = {node.key: [] for node in graph.nodes}
    for edge in graph.edges:
        beside[edge.source].append(edge.target)
        beside[edge.target].append(edge.source)
    part: dict[Key, int] = {}
    for number, node in enumerate(graph.nodes):
        waiting = [node.key] if node.key not in part else []
        while waiting:
            key = waiting.pop()
            if key not in part:
                part[key] = number
                waiting += beside[key]
    nodes: dict[int, list[Node]] = {}
    edges: dict[int, list[Edge]] = {}
    for node in graph.nodes:
        nodes.setdefault(part[node.key], []).append(node)
    for edge in graph.edges:
        edges.setdefault(part[edge.source], []).append(edge)
    yield from ((members, edges.get(number, [])) for number, members in nodes.items())
