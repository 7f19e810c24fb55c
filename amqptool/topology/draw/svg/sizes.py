"""How much room nodes and labels take, and what is written in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from amqptool.topology.draw.layout import Box
from amqptool.topology.draw.svg import style
from amqptool.topology.draw.words import cells, figures, labels, shortened, species, title

if TYPE_CHECKING:
    from amqptool.topology.draw.graph import Edge, Node

#: The columns that names and labels may take.
MAX_NAME, MAX_LABEL = 40, 40
#: The space within a box, and what the bars of a queue take.
PADDING_X, PADDING_Y, BARS = 12.0, 7.0, 16.0
#: A box does not grow beyond this because of the lines that meet it.
_MAX_GROWN = 160.0
_LABEL_PADDING = 5.0


@dataclass(frozen=True, slots=True)
class Text:
    """Lines of text; `cut` if some of it is not shown."""

    lines: tuple[str, ...]
    cut: bool = False


def name(node: Node) -> Text:
    """Return a node's name as it fits into a box."""
    whole = title(node)
    short = shortened(whole, MAX_NAME)
    return Text((short,), cut=short != whole)


def notes(node: Node) -> list[str]:
    """Return what is written under a node's name."""
    return [species(node), *([] if node.figures is None else figures(node.figures))]


def label(edge: Edge) -> Text:
    """Return an edge's label."""
    whole = labels(edge)
    lines = tuple(shortened(each, MAX_LABEL) for each in whole)
    return Text(lines, cut=list(lines) != whole or len(lines) < len(edge.labels))


def text_height(node: Node) -> float:
    """Return the height of a node's name and notes."""
    return style.NAME_LINE + len(notes(node)) * style.SMALL_LINE


def box_of(node: Node, room: float) -> Box:
    """Return the size of a node; `room` is what the lines that meet it want of its height."""
    width = max([style.name_width(name(node).lines[0]), *map(style.text_width, notes(node))])
    height = text_height(node) + 2 * PADDING_Y
    bars = BARS if node.kind == "queue" else 0
    return Box(round(width + 2 * PADDING_X + bars), max(height, min(room, _MAX_GROWN)))


def label_size(edge: Edge) -> tuple[float, float]:
    """Return the width and height of an edge's label; none is 0."""
    lines = label(edge).lines
    if not any(map(cells, lines)):
        return 0, 0
    width = max(map(style.label_width, lines)) + 2 * _LABEL_PADDING
    return round(width), len(lines) * style.SMALL_LINE + 2
