"""How a picture looks: sizes in pixels, and colours for light and for dark.

Widths of text are estimates on the safe side: the fonts are the reader's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.topology.draw.palette import DARK, LIGHT
from amqptool.topology.draw.words import cells

if TYPE_CHECKING:
    from amqptool.topology.draw.palette import Palette

#: The sizes of headings, names, and all other text.
HEADING_SIZE, NAME_SIZE, SMALL_SIZE = 15, 13, 11
#: The height of a line of each.
NAME_LINE, SMALL_LINE = 17, 14
#: The widest of the usual fonts of fixed width, and of the proportional ones (most letters are narrower), in em.
_FIXED_EM, _TEXT_EM = 0.62, 0.58

MARGIN = 24
#: The length of an arrow's head, and half its breadth.
ARROW, ARROW_HALF = 9.0, 4.2


def name_width(text: str) -> float:
    """Return how wide a name is at most."""
    return cells(text) * _FIXED_EM * NAME_SIZE


def label_width(text: str) -> float:
    """Return how wide a label of an edge is at most."""
    return cells(text) * _FIXED_EM * SMALL_SIZE


def text_width(text: str) -> float:
    """Return how wide other text is at most."""
    return cells(text) * _TEXT_EM * SMALL_SIZE


def css() -> str:
    """Return the style sheet."""
    return f"{_COMMON}{_colours(LIGHT)}@media (prefers-color-scheme: dark) {{\n{_colours(DARK)}}}\n"


_COMMON = f"""\
text {{ font: {SMALL_SIZE}px system-ui, "Segoe UI", Roboto, "DejaVu Sans", Arial, sans-serif; white-space: pre; }}
.name, .label {{ font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }}
.name {{ font-size: {NAME_SIZE}px; font-weight: 600; }}
.heading {{ font-size: {HEADING_SIZE}px; font-weight: 600; }}
.box {{ stroke-width: 1.4; }}
.line, .bars {{ fill: none; stroke-width: 1.4; }}
.alternate .line {{ stroke-dasharray: 9 3 2 3; }}
.dead-letter .line {{ stroke-dasharray: 6 4; }}
.retry .line {{ stroke-dasharray: 2 3; }}
.missing .box, .default .box {{ stroke-dasharray: 4 3; }}
.lit .box, .lit .line {{ stroke-width: 3; }}
.dim {{ opacity: 0.25; }}
"""


def _colours(palette: Palette) -> str:
    rules = {
        ".page, .back": f"fill: {palette.page}",
        "text": f"fill: {palette.text}",
        ".small": f"fill: {palette.small}",
    }
    for name, tint in palette.nodes.items():
        rules[f".{name} .box"] = f"fill: {tint.fill}; stroke: {tint.stroke}"
        rules[f".{name} .bars"] = f"stroke: {tint.stroke}"
    for kind, colour in palette.edges.items():
        rules[f".{kind} .line"] = f"stroke: {colour}"
        rules[f".{kind} .head"] = f"fill: {colour}"
    return "".join(f"{selector} {{ {rule}; }}\n" for selector, rule in rules.items())
