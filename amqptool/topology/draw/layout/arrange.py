"""The layout of one picture: layers, their order, heights, and from these the routes of all lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.topology.draw.layout.crossings import untangle
from amqptool.topology.draw.layout.heights import Heights
from amqptool.topology.draw.layout.shapes import Arrangement, Box, Rect, Route, Stretch
from amqptool.topology.draw.layout.vertices import vertices

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from amqptool.topology.draw.layout.shapes import Link
    from amqptool.topology.draw.layout.vertices import Chain, Vertices

#: How far lines from a box to itself are from the box's corner, from each other, and hang apart, in pixels.
_INSET, _LOOP_STEP, _LOOP_GAP = 14.0, 30.0, 12.0
#: How far apart layers are: at least, at most, and per pixel that a line climbs between them.
_NARROW, _WIDE, _SLOPE = 30.0, 110.0, 0.16


def arrange(boxes: Sequence[Box], links: Sequence[Link]) -> Arrangement:
    """Place boxes in layers from left to right, and route the links between them.

    No box, label or line is on another box or label.

    Raises:
        InputError: there are too many.
    """
    loops = _loops(boxes, links)
    reach, widths = [0.0] * len(boxes), [box.width for box in boxes]
    for number, route in loops.items():
        here = links[number].source
        for part in filter(None, (route.loop, route.label)):
            reach[here] = max(reach[here], part.bottom - boxes[here].height)
            widths[here] = max(widths[here], part.right)
    footprints = [Box(width, box.height) for box, width in zip(boxes, widths, strict=True)]
    graph = vertices(footprints, [link for number, link in enumerate(links) if number not in loops], reach)
    untangle(graph)
    heights = Heights(graph)
    heights.settle(graph.chains)
    drawing = _Drawing(graph, heights)
    rects = tuple(drawing.rect(number, box) for number, box in enumerate(boxes))
    routes = iter([drawing.route(chain, rects) for chain in graph.chains])
    return Arrangement(
        width=drawing.width,
        height=max((y + vertex.below for y, vertex in zip(heights.y, graph.all, strict=True)), default=0),
        rects=rects,
        routes=tuple(
            loops[number].moved(rects[link.source].x, rects[link.source].y) if number in loops else next(routes)
            for number, link in enumerate(links)
        ),
    )


class _Drawing:
    """The vertices with their heights, and where each layer begins and ends."""

    def __init__(self, graph: Vertices, heights: Heights) -> None:
        self._all = graph.all
        self._y = heights.y
        self._ports = heights.ports
        self._spans = list(self._place_layers(graph))

    @property
    def width(self) -> float:
        """The width of all layers."""
        return self._spans[-1][1] if self._spans else 0

    def rect(self, number: int, box: Box) -> Rect:
        """Return the place of a box: at the beginning of its layer, where arrows then end in one line."""
        start, _ = self._spans[self._all[number].layer]
        return Rect(start, self._y[number] - box.height / 2, box.width, box.height)

    def route(self, chain: Chain, rects: Sequence[Rect]) -> Route:
        """Return the route of a link: level through each layer, and level at both ends."""
        left, *inner, right = chain.vertices
        _, end = self._spans[self._all[left].layer]
        start, _ = self._spans[self._all[right].layer]
        return Route(
            stretches=(
                Stretch(rects[left].right, end, self._meets(left, inner[0])),
                *(Stretch(*self._spans[self._all[each].layer], self._y[each]) for each in inner),
                Stretch(start, start, self._meets(right, inner[-1])),
            ),
            label=self._label(chain.label),
            backwards=chain.backwards,
        )

    def _meets(self, vertex: int, end: int) -> float:
        """Return the height at which a line leaves a vertex towards another."""
        return self._y[vertex] + self._ports.get((vertex, end), 0.0)

    def _label(self, vertex: int) -> Rect | None:
        label = self._all[vertex]
        if not label.width:
            return None
        start, end = self._spans[label.layer]
        return Rect((start + end - label.width) / 2, self._y[vertex] - label.above, label.width, 2 * label.above)

    def _place_layers(self, graph: Vertices) -> Iterator[tuple[float, float]]:
        """Yield where each layer begins and ends; the more a line climbs between two, the wider they are apart."""
        start = 0.0
        for layer in graph.layers:
            end = start + max(graph.all[each].width for each in layer)
            yield start, end
            climbs = [
                abs(self._meets(each, to) - self._meets(to, each)) for each in layer for to in graph.all[each].behind
            ]
            start = end + min(_WIDE, _NARROW + _SLOPE * max(climbs, default=0))


def _loops(boxes: Sequence[Box], links: Sequence[Link]) -> dict[int, Route]:
    """Return the routes of links from a box to itself, side by side, as seen from the box's corner."""
    of_box: dict[int, list[int]] = {}
    for number, link in enumerate(links):
        if link.source == link.target:
            of_box.setdefault(link.source, []).append(number)
    routes: dict[int, Route] = {}
    for box, numbers in of_box.items():
        routes.update(zip(numbers, _hanging(boxes[box], [links[number] for number in numbers]), strict=True))
    return routes


def _hanging(box: Box, links: Sequence[Link]) -> Iterator[Route]:
    """Yield loops below a box, each deeper than the one before, and their labels right of them, one below the other."""
    inset = min(_INSET, box.width / 4)
    step = min(_LOOP_STEP, (box.width - 2 * inset) / len(links))
    x, top = inset, box.height + _LOOP_GAP
    for link in links:
        height = max(link.height, _LOOP_GAP)
        middle = top + height / 2
        label = Rect(inset + len(links) * step, middle - link.height / 2, link.width, link.height)
        loop = Rect(x, box.height, 0.7 * step, middle - box.height)
        yield Route(loop=loop, label=label if link.height else None)
        x, top = x + step, top + height
