"""Which layer each box belongs to, so that lines lead from left to right where they can."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

_NEW, _OPEN, _DONE = range(3)


def turned_weakly(count: int, arcs: Sequence[tuple[int, int]], weak: Collection[int]) -> set[int]:
    """Return which arcs to turn round where the weak ones, by their numbers, have no say in what is left and right.

    They have it where an end knows no other arc than weak ones.
    """
    known = {end for number, arc in enumerate(arcs) for end in arc if number not in weak}
    strong = [number for number, (_, target) in enumerate(arcs) if number not in weak or target not in known]
    back = {strong[each] for each in turned(count, [arcs[number] for number in strong])}
    layer = layers(count, [arcs[number][::-1] if number in back else arcs[number] for number in strong])
    for number in set(range(len(arcs))) - set(strong):
        source, target = arcs[number]
        if (layer[source], source) > (layer[target], target):
            back.add(number)
    return back


def turned(count: int, arcs: Sequence[tuple[int, int]]) -> set[int]:
    """Return which arcs to turn round, by their numbers, so that no cycle is left.

    They are those that lead back on the way that was walked, from the boxes that nothing leads to.
    """
    ways = _ways(count, arcs)
    entered = {target for _, target in arcs}
    state = [_NEW] * count
    back: set[int] = set()
    for start in sorted(range(count), key=entered.__contains__):
        if state[start] == _NEW:
            back.update(_walk(start, ways, state))
    return back


def _walk(start: int, ways: Sequence[Sequence[tuple[int, int]]], state: list[int]) -> Iterator[int]:
    """Walk depth first (without recursion, which has a limit) and yield the arcs that lead back."""
    state[start] = _OPEN
    path = [(start, iter(ways[start]))]
    while path:
        here, rest = path[-1]
        for target, arc in rest:
            if state[target] == _OPEN:
                yield arc
            elif state[target] == _NEW:
                state[target] = _OPEN
                path.append((target, iter(ways[target])))
                break
        else:
            state[here] = _DONE
            path.pop()


def layers(count: int, arcs: Sequence[tuple[int, int]]) -> list[int]:
    """Return the layer of each box, from 0; `arcs` have no cycle, and each leads to a later layer."""
    ways = _ways(count, arcs)
    entering = _entering(count, arcs)
    order = _topological(ways, list(entering))
    layer = [0] * count
    for here in order:
        for target, _ in ways[here]:
            layer[target] = max(layer[target], layer[here] + 1)
    # What more lines leave than enter moves right, to where they lead: that makes them short.
    for here in reversed(order):
        if len(ways[here]) > entering[here]:
            layer[here] = min(layer[target] for target, _ in ways[here]) - 1
    first = min(layer, default=0)
    return [each - first for each in layer]


def _topological(ways: Sequence[Sequence[tuple[int, int]]], entering: list[int]) -> list[int]:
    order = [each for each, count in enumerate(entering) if not count]
    for here in order:
        for target, _ in ways[here]:
            entering[target] -= 1
            if not entering[target]:
                order.append(target)
    return order


def _entering(count: int, arcs: Sequence[tuple[int, int]]) -> list[int]:
    entering = [0] * count
    for _, target in arcs:
        entering[target] += 1
    return entering


def _ways(count: int, arcs: Sequence[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Return for each box where its arcs lead, and their numbers."""
    ways: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for number, (source, target) in enumerate(arcs):
        ways[source].append((target, number))
    return ways
