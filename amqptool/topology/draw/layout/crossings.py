"""The order of each layer, with few lines that cross."""

from __future__ import annotations

from bisect import bisect_right, insort
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from amqptool.topology.draw.layout.vertices import Vertex, Vertices

#: Sweeps without a better order, after which the best is good enough.
_PATIENCE = 4
_MAX_SWEEPS = 24
#: Up to so many links, neighbours are swapped too.
_SWAPPED = 1_500
#: How many links may be looked at in all, which bounds the time.
_BUDGET = 600_000


def untangle(graph: Vertices) -> None:
    """Order each layer by the barycentres of its neighbours, to and fro, and keep the best order."""
    links = sum(len(vertex.behind) for vertex in graph.all) + 1
    best, fewest = [list(layer) for layer in graph.layers], crossings(graph)
    patience = _PATIENCE
    for sweep in range(max(2, min(_MAX_SWEEPS, _BUDGET // links))):
        if not fewest or not patience:
            break
        _sweep(graph, forwards=sweep % 2 == 0)
        if links < _SWAPPED:
            _swap_neighbours(graph)
        found = crossings(graph)
        patience -= 1
        if found < fewest:
            best, fewest, patience = [list(layer) for layer in graph.layers], found, _PATIENCE
    graph.layers[:] = best


def crossings(graph: Vertices) -> int:
    """Count the crossings between all layers."""
    return sum(_between(graph.all, left, right) for left, right in pairwise(graph.layers))


def _between(vertices: Sequence[Vertex], left: Sequence[int], right: Sequence[int]) -> int:
    place = {vertex: number for number, vertex in enumerate(right)}
    passed: list[int] = []
    count = 0
    for vertex in left:
        ends = sorted(place[end] for end in vertices[vertex].behind)
        count += sum(len(passed) - bisect_right(passed, end) for end in ends)
        for end in ends:
            insort(passed, end)
    return count


def _sweep(graph: Vertices, *, forwards: bool) -> None:
    layers = graph.layers if forwards else graph.layers[::-1]
    for fixed, free in pairwise(layers):
        place = {vertex: number for number, vertex in enumerate(fixed)}
        centre: dict[int, float] = {}
        for own, vertex in enumerate(free):
            ends = graph.all[vertex].before if forwards else graph.all[vertex].behind
            centre[vertex] = sum(place[end] for end in ends) / len(ends) if ends else float(own)
        free.sort(key=centre.__getitem__)


def _swap_neighbours(graph: Vertices) -> None:
    """Swap neighbours while that saves crossings, which barycentres alone do not see."""
    for number, layer in enumerate(graph.layers):
        around = [graph.layers[at] for at in (number - 1, number + 1) if 0 <= at < len(graph.layers)]
        place = {vertex: position for neighbours in around for position, vertex in enumerate(neighbours)}
        better = True
        while better:
            better = False
            for at in range(len(layer) - 1):
                if _saved(graph.all[layer[at]], graph.all[layer[at + 1]], place) > 0:
                    layer[at], layer[at + 1] = layer[at + 1], layer[at]
                    better = True


def _saved(upper: Vertex, lower: Vertex, place: Mapping[int, int]) -> int:
    """Return how many crossings fewer there are when two neighbours change places."""
    saved = 0
    for over, under in ((upper.before, lower.before), (upper.behind, lower.behind)):
        for one in over:
            for other in under:
                saved += (place[one] > place[other]) - (place[one] < place[other])
    return saved
