"""Layouts: nothing is on anything else, and every line ends where it should."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amqptool.errors import InputError
from amqptool.topology.draw.layout import Arrangement, Box, Link, Rect, arrange
from amqptool.topology.draw.layout.crossings import crossings, untangle
from amqptool.topology.draw.layout.vertices import vertices

#: Rounding of floats, in pixels.
TINY = 1e-6


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Box], list[Link]]:
    """Draw boxes and links of any sizes: cycles, links in parallel and from a box to itself."""
    boxes = draw(st.lists(st.builds(Box, st.integers(10, 300), st.integers(20, 160)), max_size=12))
    if not boxes:
        return [], []
    ends = st.integers(0, len(boxes) - 1)
    sizes = st.sampled_from([(0, 0), (30, 14), (200, 60)])
    links = draw(st.lists(st.tuples(ends, ends, sizes), max_size=24))
    return boxes, [Link(source, target, *size) for source, target, size in links]


def overlap(one: Rect, other: Rect) -> bool:
    """Return whether two places have a point in common that is not on the edge."""
    beside = one.right <= other.x + TINY or other.right <= one.x + TINY
    return not (beside or one.bottom <= other.y + TINY or other.bottom <= one.y + TINY)


def places(layout: Arrangement) -> list[Rect]:
    """Return all boxes and labels."""
    return [*layout.rects, *(route.label for route in layout.routes if route.label)]


def spans(layout: Arrangement) -> list[tuple[int, Rect]]:
    """Return what each line touches, part by part: level stretches, and all the room that a curve may take."""
    found = []
    for number, route in enumerate(layout.routes):
        if route.loop:
            found.append((number, route.loop))
        for each in route.stretches:
            found.append((number, Rect(each.start, each.y - 0.5, each.end - each.start, 1)))
        for before, behind in pairwise(route.stretches):
            top, bottom = sorted((before.y, behind.y))
            found.append((number, Rect(before.end, top - 0.5, behind.start - before.end, bottom - top + 1)))
    return found


@settings(deadline=None)
@given(graphs())
def test_nothing_is_on_anything_else(graph: tuple[list[Box], list[Link]]) -> None:
    """No box or label is on another, and no line runs through a box or another line's label."""
    layout = arrange(*graph)
    everything = places(layout)
    for number, one in enumerate(everything):
        assert not any(overlap(one, other) for other in everything[number + 1 :])
    for number, span in spans(layout):
        own = layout.routes[number].label
        assert not any(overlap(span, place) for place in everything if place is not own)


@settings(deadline=None)
@given(graphs())
def test_every_line_ends_at_its_boxes(graph: tuple[list[Box], list[Link]]) -> None:
    """It leaves one box at its right side and enters the other at its left side, within their heights."""
    boxes, links = graph
    layout = arrange(boxes, links)
    assert [(rect.width, rect.height) for rect in layout.rects] == [(box.width, box.height) for box in boxes]
    for link, route in zip(links, layout.routes, strict=True):
        if link.source == link.target:
            box, loop = layout.rects[link.source], route.loop
            assert loop
            assert (loop.y, box.x < loop.x < loop.right < box.right) == (box.bottom, True)
            continue
        ends = (link.target, link.source) if route.backwards else (link.source, link.target)
        left, right = (layout.rects[end] for end in ends)
        first, last = route.stretches[0], route.stretches[-1]
        assert (first.start, last.end) == (left.right, right.x)
        assert left.y < first.y < left.bottom
        assert right.y < last.y < right.bottom


@settings(deadline=None)
@given(graphs())
def test_everything_is_inside(graph: tuple[list[Box], list[Link]]) -> None:
    """The width and height of a layout are those of all that is in it; labels have the size they need."""
    boxes, links = graph
    layout = arrange(boxes, links)
    for place in [*places(layout), *(route.loop for route in layout.routes if route.loop)]:
        assert place.x >= -TINY
        assert place.y >= -TINY
        assert place.right <= layout.width + TINY
        assert place.bottom <= layout.height + TINY
    for link, route in zip(links, layout.routes, strict=True):
        if link.width:
            assert route.label
            assert (route.label.width, route.label.height) == (link.width, link.height)


@settings(deadline=None)
@given(graphs())
def test_untangling_makes_nothing_worse(graph: tuple[list[Box], list[Link]]) -> None:
    """The best order that was seen is kept, and it is a new order of the same vertices."""
    boxes, links = graph
    made = vertices(boxes, [link for link in links if link.source != link.target], [0.0] * len(boxes))
    before, members = crossings(made), [sorted(layer) for layer in made.layers]
    untangle(made)
    assert crossings(made) <= before
    assert [sorted(layer) for layer in made.layers] == members


def test_lines_that_need_not_cross_do_not() -> None:
    """Boxes change places for it."""
    boxes = [Box(50, 30)] * 6
    layout = arrange(boxes, [Link(0, 5), Link(1, 4), Link(2, 3)])
    order = [sorted(numbers, key=lambda number: layout.rects[number].y) for numbers in ((0, 1, 2), (3, 4, 5))]
    assert [5 - number for number in order[0]] == order[1]


def test_a_lone_line_is_straight() -> None:
    """So is a chain of boxes."""
    layout = arrange([Box(80, 30), Box(50, 60), Box(20, 20)], [Link(0, 1, 40, 14), Link(1, 2)])
    assert len({each.y for route in layout.routes for each in route.stretches}) == 1


def test_boxes_stand_in_the_order_of_the_lines() -> None:
    """What a line leads to is right of where it comes from, but for cycles."""
    layout = arrange([Box(50, 30)] * 3, [Link(0, 1), Link(1, 2), Link(2, 0)])
    assert layout.rects[0].x < layout.rects[1].x < layout.rects[2].x
    assert [route.backwards for route in layout.routes] == [False, False, True]


def test_a_long_chain_needs_no_recursion() -> None:
    """Its length is no limit."""
    count = 2_000
    layout = arrange([Box(10, 20)] * count, [Link(number, number + 1) for number in range(count - 1)])
    assert layout.height == 20


def test_what_nobody_could_read_is_refused() -> None:
    """At once, before it takes minutes."""
    count = 1_000
    links = [Link(number, number + 1) for number in range(count - 1)] + [Link(0, count - 1)] * 100
    with pytest.raises(InputError, match="1,000 boxes and 1,099 lines are too much"):
        arrange([Box(10, 20)] * count, links)
