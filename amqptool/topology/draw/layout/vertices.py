"""The layers with all that takes room in them: boxes, labels, and lines that pass through."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from amqptool.topology.draw.layout.layers import layers, turned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.topology.draw.layout.shapes import Box, Link

#: The room that a line takes where it passes through a layer, in pixels.
_LINE = 4.0


@dataclass(slots=True)
class Vertex:
    """A box, or a link where it passes through a layer; there it may have its label."""

    layer: int
    width: float
    #: How far it reaches from its middle line.
    above: float
    below: float
    is_box: bool = False
    #: The vertices that it is linked to in the layer before and in the layer behind.
    before: list[int] = field(default_factory=list)
    behind: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Chain:
    """The vertices of a link, from left to right, and which of them has the label."""

    vertices: tuple[int, ...]
    label: int
    backwards: bool
    #: Whether at least as many lines meet at the left end as at the right one.
    fans_out: bool


@dataclass(slots=True)
class Vertices:
    """All vertices (the boxes first), and in each layer their numbers from top to bottom."""

    all: list[Vertex]
    layers: list[list[int]]
    chains: list[Chain]


def vertices(boxes: Sequence[Box], links: Sequence[Link], reach: Sequence[float]) -> Vertices:
    """Return the vertices in their first order; boxes have even layers, the labels stand between.

    `reach` is the room below each box that is kept free. No link leads from a box to itself.
    """
    ends = [(link.source, link.target) for link in links]
    back = turned(len(boxes), ends)
    arcs = [end[::-1] if number in back else end for number, end in enumerate(ends)]
    made = [
        Vertex(2 * layer, box.width, box.height / 2, box.height / 2 + room, is_box=True)
        for box, layer, room in zip(boxes, layers(len(boxes), arcs), reach, strict=True)
    ]
    leaving, entering = [0] * len(boxes), [0] * len(boxes)
    for left, right in arcs:
        leaving[left] += 1
        entering[right] += 1
    chains = [
        _chain(made, link, arc, backwards=number in back, fans_out=leaving[arc[0]] >= entering[arc[1]])
        for number, (link, arc) in enumerate(zip(links, arcs, strict=True))
    ]
    return Vertices(made, _first_order(made), chains)


def _chain(made: list[Vertex], link: Link, arc: tuple[int, int], *, backwards: bool, fans_out: bool) -> Chain:
    left, right = arc
    passed = range(made[left].layer + 1, made[right].layer)
    # A label stands where its line is alone: away from the end at which many meet.
    labelled = passed[-1] if fans_out else passed[0]
    chain = [left]
    for layer in passed:
        has_label = layer == labelled and link.height > 0
        half = (link.height if has_label else _LINE) / 2
        chain.append(len(made))
        made.append(Vertex(layer, link.width if has_label else 0, half, half))
    chain.append(right)
    for before, behind in pairwise(chain):
        made[before].behind.append(behind)
        made[behind].before.append(before)
    return Chain(tuple(chain), chain[-2] if fans_out else chain[1], backwards, fans_out)


def _first_order(made: Sequence[Vertex]) -> list[list[int]]:
    """Put the vertices into their layers as a walk from left to right finds them."""
    order: list[list[int]] = [[] for _ in range(max((vertex.layer for vertex in made), default=-1) + 1)]
    found = [False] * len(made)
    waiting = [each for each in range(len(made) - 1, -1, -1) if not made[each].before]
    while waiting:
        here = waiting.pop()
        if not found[here]:
            found[here] = True
            order[made[here].layer].append(here)
            waiting += reversed(made[here].behind)
    return order
