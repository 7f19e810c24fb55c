"""The height of each vertex: near to what it is linked to, apart from its neighbours, lines straight."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from amqptool.topology.draw.layout.vertices import Chain, Vertex, Vertices

#: The space between two boxes, two lines or labels, and a box and a line, in pixels.
_BOX_GAP, _LINE_GAP, _MIXED_GAP = 22.0, 7.0, 12.0
#: How far apart lines meet a box, and how much of its height they leave free at each corner.
_PORT_GAP, _CORNER = 13.0, 9.0
_MAX_SWEEPS = 12
#: How many vertices are moved in all, which bounds the time.
_BUDGET = 200_000
#: How much more a bend within a line weighs than one at a box.
_STIFFNESS = 4.0
#: What holds a box where it is while lines are straightened.
_HOLD = 1000.0
#: What holds a vertex that has no neighbours on the side that is looked at.
_INERTIA = 0.01

#: Where a line meets a box, from the box's middle: (box, the line's next vertex) → pixels.
Ports: TypeAlias = "dict[tuple[int, int], float]"
#: For each vertex its neighbours: which, how much lower than it they are when their line is level, and the weight.
Pulls: TypeAlias = "list[list[tuple[int, float, float]]]"


class Heights:
    """The heights of all vertices; `y` is of their middle lines."""

    def __init__(self, graph: Vertices) -> None:
        self._all = graph.all
        self._layers = graph.layers
        self._gaps = [[_gap(graph.all[a], graph.all[b]) for a, b in pairwise(layer)] for layer in graph.layers]
        self._place = {vertex: number for layer in graph.layers for number, vertex in enumerate(layer)}
        self.ports = _ports(graph.all, self._place)
        self.y = [0.0] * len(graph.all)
        for layer, gaps in zip(graph.layers, self._gaps, strict=True):
            for (upper, lower), space in zip(pairwise(layer), gaps, strict=True):
                self.y[lower] = self.y[upper] + space

    def settle(self, chains: Sequence[Chain]) -> None:
        """Find the heights; the highest point of all is at 0."""
        before, behind = self._pulls(behind=False), self._pulls(behind=True)
        there = range(len(self._layers))
        for _ in range(max(1, min(_MAX_SWEEPS, _BUDGET // (len(self._all) + 1)))):
            self._sweep(there[1:], [before])
            self._sweep(there[-2::-1], [behind])
        for _ in range(2):
            self._sweep(there, [before, behind])
        self._straighten(chains)
        top = min((y - vertex.above for y, vertex in zip(self.y, self._all, strict=True)), default=0.0)
        self.y = [y - top for y in self.y]

    def _sweep(self, layers: Iterable[int], sides: Sequence[Pulls]) -> None:
        y = self.y
        for number in layers:
            layer = self._layers[number]
            wanted, weights = [], []
            for vertex in layer:
                total, weight = y[vertex] * _INERTIA, _INERTIA
                for side in sides:
                    for end, offset, weighs in side[vertex]:
                        total += weighs * (y[end] + offset)
                        weight += weighs
                wanted.append(total / weight)
                weights.append(weight)
            for vertex, height in zip(layer, _apart(wanted, weights, self._gaps[number]), strict=True):
                y[vertex] = height

    def _pulls(self, behind: bool) -> Pulls:
        """Return the neighbours on one side of each vertex, where the line to each is level, and what that weighs."""
        return [
            [
                (end, -self._rise(number, end), 1.0 if vertex.is_box or self._all[end].is_box else _STIFFNESS)
                for end in (vertex.behind if behind else vertex.before)
            ]
            for number, vertex in enumerate(self._all)
        ]

    def _rise(self, vertex: int, end: int) -> float:
        """Return how much higher a vertex's port than its neighbour's is, where their middles are level."""
        return self.ports.get((vertex, end), 0.0) - self.ports.get((end, vertex), 0.0)

    def _straighten(self, chains: Sequence[Chain]) -> None:
        """Let each line run level up to the end at which many meet; boxes stay, but for those at a lone line."""
        followed: dict[int, int] = {}
        for chain in chains:
            line = chain.vertices[::-1] if chain.fans_out else chain.vertices
            followed.update((vertex, before) for before, vertex in pairwise(line[:-1]))
            if chain.is_alone:
                first, second, *_, last_but_one, last = (*line[:2], *line[-2:])
                level = self.y[last] + self.ports[last, last_but_one]
                self._move(first, level - self.ports[first, second])
        for number in (*range(len(self._layers)), *reversed(range(len(self._layers)))):
            layer = self._layers[number]
            wanted = [self._level(each, followed[each]) if each in followed else self.y[each] for each in layer]
            weights = [_HOLD if self._all[each].is_box else 1.0 for each in layer]
            for vertex, y in zip(layer, _apart(wanted, weights, self._gaps[number]), strict=True):
                self.y[vertex] = y

    def _level(self, vertex: int, end: int) -> float:
        """Return the height of a vertex at which its line to a neighbour is level."""
        return self.y[end] - self._rise(vertex, end)

    def _move(self, vertex: int, y: float) -> None:
        """Move a vertex as far towards a height as its neighbours let it."""
        number, at = self._all[vertex].layer, self._place[vertex]
        layer, gaps = self._layers[number], self._gaps[number]
        if at:
            y = max(y, self.y[layer[at - 1]] + gaps[at - 1])
        if at + 1 < len(layer):
            y = min(y, self.y[layer[at + 1]] - gaps[at])
        self.y[vertex] = y


def port_room(lines: int) -> float:
    """Return the height of a box at which so many lines meet one side without touching."""
    return 2 * _CORNER + (lines - 1) * _PORT_GAP


def _gap(upper: Vertex, lower: Vertex) -> float:
    """Return how far the middle lines of two neighbours must be apart."""
    space = _BOX_GAP if upper.is_box and lower.is_box else _MIXED_GAP if upper.is_box or lower.is_box else _LINE_GAP
    return upper.below + space + lower.above


def _ports(vertices: Sequence[Vertex], place: Mapping[int, int]) -> Ports:
    """Spread the lines that meet a box over its side, in the order of where they come from."""
    ports: Ports = {}
    for number, vertex in enumerate(vertices):
        for ends in (vertex.before, vertex.behind) if vertex.is_box else ():
            step = min(_PORT_GAP, 2 * (vertex.above - _CORNER) / max(1, len(ends) - 1))
            for position, end in enumerate(sorted(ends, key=place.__getitem__)):
                ports[number, end] = (position - (len(ends) - 1) / 2) * step
    return ports


def _apart(wanted: Sequence[float], weights: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """Return the heights next to those wanted (least squares) that keep the gaps: isotonic regression."""
    offsets = [0.0]
    for space in gaps:
        offsets.append(offsets[-1] + space)
    # Blocks of vertices that touch: their weight, their weighted sum, and how many they are.
    blocks: list[tuple[float, float, int]] = []
    for y, weight, offset in zip(wanted, weights, offsets, strict=True):
        block = (weight, weight * (y - offset), 1)
        while blocks and blocks[-1][1] / blocks[-1][0] >= block[1] / block[0]:
            above = blocks.pop()
            block = (above[0] + block[0], above[1] + block[1], above[2] + block[2])
        blocks.append(block)
    starts = [total / weight for weight, total, count in blocks for _ in range(count)]
    return [start + offset for start, offset in zip(starts, offsets, strict=True)]
