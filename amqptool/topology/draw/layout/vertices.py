"""The layers with all that takes room in them: boxes, labels, and lines that pass through."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from amqptool.errors import InputError
from amqptool.topology.draw.layout.layers import layers, turned, turned_weakly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.topology.draw.layout.shapes import Box, Link

#: From so many layers on, weak links have no say in them.
_DEEP = 7
#: More vertices than this would take minutes, and nobody could read the picture.
MAX_VERTICES = 100_000
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
    #: Whether no other line meets it at either end.
    is_alone: bool


@dataclass(slots=True)
class Vertices:
    """All vertices (the boxes first), and in each layer their numbers from top to bottom."""

    all: list[Vertex]
    layers: list[list[int]]
    chains: list[Chain]


def vertices(boxes: Sequence[Box], links: Sequence[Link], reach: Sequence[float]) -> Vertices:
    """Return the vertices in their first order; boxes have even layers, the labels stand between.

    `reach` is the room below each box that is kept free. No link leads from a box to itself.

    Raises:
        InputError: there are too many.
    """
    back, arcs, layer_of = _layered(len(boxes), links)
    made = [
        Vertex(2 * layer, box.width, box.height / 2, box.height / 2 + room, is_box=True)
        for box, layer, room in zip(boxes, layer_of, reach, strict=True)
    ]
    if len(made) + sum(made[right].layer - made[left].layer for left, right in arcs) > MAX_VERTICES:
        size = f"{len(boxes):,} boxes and {len(links):,} lines"
        raise InputError(f"{size} are too much for one picture: draw a part of it (--filter), or use dot (-f dot)")
    leaving, entering = [0] * len(boxes), [0] * len(boxes)
    for left, right in arcs:
        leaving[left] += 1
        entering[right] += 1
    chains = []
    for number, (link, (left, right)) in enumerate(zip(links, arcs, strict=True)):
        fans_out = leaving[left] >= entering[right]
        passed = _chain(made, link, (left, right), fans_out=fans_out)
        is_alone = leaving[left] == entering[right] == 1
        label = passed[-2] if fans_out else passed[1]
        chains.append(Chain(passed, label, backwards=number in back, fans_out=fans_out, is_alone=is_alone))
    return Vertices(made, _first_order(made), chains)


def _layered(count: int, links: Sequence[Link]) -> tuple[set[int], list[tuple[int, int]], list[int]]:
    """Return which links lead backwards, the ends of all from left to right, and the layers of the boxes."""
    ends = [(link.source, link.target) for link in links]
    back = turned(count, ends)
    arcs = [end[::-1] if number in back else end for number, end in enumerate(ends)]
    found = layers(count, arcs)
    if max(found, default=0) < _DEEP:
        return back, arcs, found
    back = turned_weakly(count, ends, {number for number, link in enumerate(links) if link.weak})
    arcs = [end[::-1] if number in back else end for number, end in enumerate(ends)]
    return back, arcs, layers(count, arcs)


def _chain(made: list[Vertex], link: Link, arc: tuple[int, int], *, fans_out: bool) -> tuple[int, ...]:
    """Make the vertices of a link between its boxes, and return all of them from left to right."""
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
    return tuple(chain)


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
