"""The colours of nodes and edges, the same in every format that has colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amqptool.topology.draw.graph import EdgeKind, Node


@dataclass(frozen=True, slots=True)
class Tint:
    """The colours of a node."""

    fill: str
    stroke: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """All colours for one kind of background."""

    page: str
    text: str
    small: str
    #: By what `tint_of` says.
    nodes: Mapping[str, Tint]
    edges: Mapping[EdgeKind, str]


LIGHT = Palette(
    page="#ffffff",
    text="#1f2328",
    small="#59636e",
    nodes={
        "exchange": Tint("#eef2ff", "#4f5bd5"),
        "queue": Tint("#e9f7ef", "#1a7f45"),
        "wait": Tint("#fff6e0", "#b26a00"),
        "dead": Tint("#fdecea", "#c62f2f"),
        "missing": Tint("#f4f4f5", "#6e7781"),
    },
    edges={
        "binding": "#57606a",
        "default": "#8c959f",
        "alternate": "#8250df",
        "dead-letter": "#c62f2f",
        "retry": "#b26a00",
    },
)
DARK = Palette(
    page="#0d1117",
    text="#e6edf3",
    small="#9aa4af",
    nodes={
        "exchange": Tint("#1b2040", "#8b96ff"),
        "queue": Tint("#10281b", "#4ac26b"),
        "wait": Tint("#2d2209", "#d9a03c"),
        "dead": Tint("#331617", "#ff7b72"),
        "missing": Tint("#1c2128", "#8b949e"),
    },
    edges={
        "binding": "#9aa4af",
        "default": "#6e7781",
        "alternate": "#bc8cff",
        "dead-letter": "#ff7b72",
        "retry": "#d9a03c",
    },
)


def tint_of(node: Node) -> str:
    """Return which colours a node has."""
    if node.role != "own":
        return node.role
    return "queue" if node.kind == "queue" else "exchange"
