"""The elements of an SVG; every foreign text in them is escaped."""

from __future__ import annotations

from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from amqptool.topology.draw.graph import MEANINGS, EdgeKind
from amqptool.topology.draw.layout import Rect, Route, Stretch
from amqptool.topology.draw.palette import tint_of
from amqptool.topology.draw.svg import sizes, style
from amqptool.topology.draw.svg.page import lay_out
from amqptool.topology.draw.words import all_labels, summary, title, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from amqptool.topology.draw.graph import Edge, Graph, Node
    from amqptool.topology.draw.svg.page import Page

#: The length of a line in the legend, the space to its text and to the next one, and the height of a row.
_SAMPLE, _SAMPLE_GAP, _LEGEND_GAP, _LEGEND_ROW = 40.0, 8.0, 28.0, 22.0
_ACCESSIBLE = 'role="img" aria-labelledby="title desc"'
#: How far a line runs level where it meets a box.
_LEAD = style.ARROW + 2


def svg(graph: Graph, heading: str = "RabbitMQ topology") -> str:
    """Return a graph as an SVG document; `heading` is its title, for tooltips and screen readers.

    Raises:
        InputError: the graph is too large for one picture.
    """
    page = lay_out(graph)
    legend = list(_legend(graph, page))
    width, height = _number(page.width), _number(page.height)
    size = f'width="{width}" height="{height}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width} {height}" {_ACCESSIBLE}>',
            f'<title id="title">{_safe(visible(heading))}</title>',
            f'<desc id="desc">{summary(graph.nodes)}</desc>',
            f"<style>\n{style.css()}</style>",
            f'<rect class="page" {size}/>',
            *(_text("heading", x, y, text) for text, x, y in page.headings),
            *(_edge(edge, route, _stress(edge, graph)) for edge, route in page.edges),
            *(_node(node, rect, _stress(node, graph)) for node, rect in page.nodes),
            *legend,
            "</svg>\n",
        ]
    )


def _stress(thing: Node | Edge, graph: Graph) -> str:
    """Return the class of what is on a highlighted route, or beside it."""
    return "" if not graph.highlighted else " lit" if thing.lit else " dim"


def _node(node: Node, rect: Rect, stress: str) -> str:
    text = sizes.name(node)
    x, top = rect.x + sizes.PADDING_X, rect.y + (rect.height - sizes.text_height(node)) / 2
    baseline = top + style.NAME_SIZE
    parts = [f"<title>{_safe(title(node))}</title>" if text.cut else "", _box(node, rect)]
    parts += [_text("name", x, baseline, text.lines[0])]
    for number, note in enumerate(sizes.notes(node), 1):
        parts.append(_text("small", x, baseline + 2 + number * style.SMALL_LINE, note))
    dashed = " default" if node.kind == "default" else ""
    return f'<g class="node {tint_of(node)}{dashed}{stress}">{"".join(parts)}</g>'


def _box(node: Node, rect: Rect) -> str:
    """Return the outline: exchanges are round, queues have the bars of their messages."""
    radius = 4 if node.kind == "queue" else 14
    box = f'<rect class="box" {_corners(rect)} rx="{radius}"/>'
    if node.kind != "queue":
        return box
    x, top, height = rect.right - sizes.BARS + 2, _number(rect.y + 8), _number(rect.height - 16)
    bars = "".join(f"M{_number(x + 5 * each)} {top}v{height}" for each in range(2))
    return f'{box}<path class="bars" d="{bars}"/>'


def _edge(edge: Edge, route: Route, stress: str) -> str:
    text = sizes.label(edge)
    tip = f"<title>{_safe(all_labels(edge))}</title>" if text.cut else ""
    label = "" if route.label is None else _label(text.lines, route.label)
    return f'<g class="edge {edge.kind}{stress}">{tip}{_line(edge.kind, route)}{label}</g>'


def _line(kind: EdgeKind, route: Route) -> str:
    if route.loop is not None:
        return _loop(route.loop)
    first, last = route.stretches[0], route.stretches[-1]
    at_start = route.backwards or kind == "retry"
    at_end = not route.backwards or kind == "retry"
    heads = [_head(first.start, first.y, -1)] if at_start else []
    heads += [_head(last.end, last.y, 1)] if at_end else []
    return f'<path class="line" d="{_path(route.stretches, at_start, at_end)}"/>{"".join(heads)}'


def _path(stretches: Sequence[Stretch], at_start: bool, at_end: bool) -> str:
    """Return the way of a line: level along its stretches, curves between them, a little short where arrows are."""
    first, *inner, last = stretches
    level = [
        Stretch(first.start, max(first.end, first.start + _LEAD), first.y),
        *inner,
        Stretch(last.start - _LEAD, last.end, last.y),
    ]
    level[0] = level[0]._replace(start=first.start + (style.ARROW - 1) * at_start)
    level[-1] = level[-1]._replace(end=last.end - (style.ARROW - 1) * at_end)
    way = [f"M{_number(level[0].start)} {_number(level[0].y)}H{_number(level[0].end)}"]
    for before, behind in pairwise(level):
        middle = _number((before.end + behind.start) / 2)
        start, end = _number(before.y), _number(behind.y)
        if start != end:
            way.append(f"C{middle} {start} {middle} {end} {_number(behind.start)} {end}")
        way.append(f"H{_number(behind.end)}")
    return "".join(way)


def _loop(place: Rect) -> str:
    """Return a line that hangs below its box and leads back to it."""
    x, top, low, width = (_number(each) for each in (place.x, place.y, place.bottom - 6, place.width - 12))
    way = f"M{_number(place.right)} {top}V{low}q0 6 -6 6h-{width}q-6 0 -6 -6V{_number(place.y + style.ARROW)}"
    half, length = style.ARROW_HALF, style.ARROW
    return f'<path class="line" d="{way}"/><path class="head" d="M{x} {top}l{-half:g} {length:g}h{2 * half:g}z"/>'


def _head(x: float, y: float, direction: int) -> str:
    """Return the head of an arrow whose tip is at a point."""
    back, half = -direction * style.ARROW, style.ARROW_HALF
    return f'<path class="head" d="M{_number(x)} {_number(y)}l{back:g} {-half:g}v{2 * half:g}z"/>'


def _label(lines: Sequence[str], rect: Rect) -> str:
    parts = [f'<rect class="back" {_corners(rect)}/>']
    middle = rect.x + rect.width / 2
    for number, line in enumerate(lines, 1):
        parts.append(_text("label", middle, rect.y + number * style.SMALL_LINE - 2, line, anchor=True))
    return "".join(parts)


def _legend(graph: Graph, page: Page) -> Iterator[str]:
    """Yield what the lines mean, in rows at the bottom of the page, which grows; bindings alone need no word."""
    used = {edge.kind for edge in graph.edges}
    if used <= {"binding"}:
        return
    x, y = float(style.MARGIN), page.height + _LEGEND_ROW / 2
    for kind, meaning in MEANINGS.items():
        if kind not in used:
            continue
        width = _SAMPLE + _SAMPLE_GAP + style.text_width(meaning)
        if x > style.MARGIN and x + width > page.width - style.MARGIN:
            x, y = float(style.MARGIN), y + _LEGEND_ROW
        line = _line(kind, Route(stretches=(Stretch(x, x, y), Stretch(x + _SAMPLE, x + _SAMPLE, y))))
        text = _text("small", x + _SAMPLE + _SAMPLE_GAP, y + 4, meaning)
        yield f'<g class="legend {kind}">{line}{text}</g>'
        page.width = max(page.width, x + width + style.MARGIN)
        x += width + _LEGEND_GAP
    page.height = y + style.MARGIN


def _text(kind: str, x: float, y: float, text: str, *, anchor: bool = False) -> str:
    anchored = ' text-anchor="middle"' if anchor else ""
    return f'<text class="{kind}" x="{_number(x)}" y="{_number(y)}"{anchored}>{_safe(text)}</text>'


def _corners(rect: Rect) -> str:
    x, y, width, height = map(_number, (rect.x, rect.y, rect.width, rect.height))
    return f'x="{x}" y="{y}" width="{width}" height="{height}"'


def _safe(text: str) -> str:
    return escape(text)


def _number(value: float) -> str:
    return f"{round(value, 1):g}" if abs(value) < 1e5 else f"{value:.1f}"
