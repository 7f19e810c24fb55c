"""A graph as a mermaid flowchart, which GitHub and GitLab show in Markdown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from amqptool.topology.draw.graph import MEANINGS
from amqptool.topology.draw.palette import LIGHT, tint_of
from amqptool.topology.draw.words import figures, labels, shortened, species, title, vhost_title

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from amqptool.topology.draw.graph import Edge, EdgeKind, Graph, Key, Node

#: Beyond these mermaid refuses to draw, unless it is configured otherwise (maxEdges, maxTextSize).
MAX_EDGES, MAX_TEXT = 500, 50_000

_ARROWS: dict[EdgeKind, str] = {
    "binding": "-->",
    "default": "-->",
    "alternate": "-.->",
    "dead-letter": "-.->",
    "retry": "<-.->",
}
_DASHES: dict[EdgeKind, str] = {"alternate": "9 3 2 3", "dead-letter": "6 4", "retry": "2 3"}
#: What may mean something to mermaid, to Markdown or to HTML; . - and _ do not within a word.
_SPECIAL = re.compile(r"(?<![^\W_])[.\-_]|[.\-_](?![^\W_])|[!-+;-@\[-^`{-~]")
#: The columns that a name or a label may take.
_WIDTH = 60


def mermaid(graph: Graph) -> str:
    """Return the graph as a flowchart, with a legend of what its lines mean."""
    number = {node.key: each for each, node in enumerate(graph.nodes)}
    legend = _Legend(graph)
    kinds = [edge.kind for edge in graph.edges] + legend.kinds
    lit = [edge.lit if graph.highlighted else None for edge in graph.edges] + [None] * len(legend.kinds)
    return "\n".join(
        [
            "flowchart LR",
            *_nodes(graph, number),
            *(_edge(edge, number) for edge in graph.edges),
            *legend.lines(),
            *_classes(graph, number),
            *_link_styles(kinds, lit),
        ]
    )


def _nodes(graph: Graph, number: Mapping[Key, int]) -> Iterator[str]:
    """Yield the nodes; those of several vhosts are in a frame for each."""
    vhosts = graph.vhosts
    for frame, vhost in enumerate(vhosts):
        if len(vhosts) > 1:
            yield f"  subgraph v{frame}[{_quoted(vhost_title(vhost))}]"
        for node in graph.of_vhost(vhost).nodes:
            yield f"  {_node(node, number[node.key])}"
        if len(vhosts) > 1:
            yield "  end"


def _node(node: Node, number: int) -> str:
    lines = [shortened(title(node), _WIDTH), species(node), *([] if node.figures is None else figures(node.figures))]
    start, end = ("[(", ")]") if node.kind == "queue" else ("([", "])")
    return f"n{number}{start}{_quoted(*lines)}{end}:::{tint_of(node)}"


def _edge(edge: Edge, number: Mapping[Key, int]) -> str:
    lines = [shortened(each, _WIDTH) for each in labels(edge)]
    label = f"|{_quoted(*lines)}|" if lines else ""
    return f"  n{number[edge.source]} {_ARROWS[edge.kind]}{label} n{number[edge.target]}"


class _Legend:
    """What the lines mean, if there are others than bindings."""

    def __init__(self, graph: Graph) -> None:
        used = {edge.kind for edge in graph.edges}
        self.kinds: list[EdgeKind] = [] if used <= {"binding"} else [kind for kind in MEANINGS if kind in used]

    def lines(self) -> Iterator[str]:
        """Yield a frame with an edge of each kind."""
        if self.kinds:
            yield '  subgraph legend[" "]'
            for each, kind in enumerate(self.kinds):
                yield f'  k{each}[" "]:::legend {_ARROWS[kind]} m{each}[{_quoted(MEANINGS[kind])}]:::legend'
            yield "  end"


def _classes(graph: Graph, number: Mapping[Key, int]) -> Iterator[str]:
    for name, tint in LIGHT.nodes.items():
        yield f"  classDef {name} fill:{tint.fill},stroke:{tint.stroke},color:{LIGHT.text}"
    yield "  classDef legend fill:none,stroke:none"
    for name, look, is_lit in (("lit", "stroke-width:3px", True), ("dim", "opacity:0.3", False)):
        members = [f"n{number[node.key]}" for node in graph.nodes if graph.highlighted and node.lit is is_lit]
        if members:
            yield f"  classDef {name} {look}"
            yield f"  class {','.join(members)} {name}"


def _link_styles(kinds: Sequence[EdgeKind], lit: Sequence[bool | None]) -> Iterator[str]:
    """Yield the looks of the edges, which mermaid knows by their numbers."""
    looks: dict[str, list[int]] = {}
    for number, (kind, is_lit) in enumerate(zip(kinds, lit, strict=True)):
        dashes = f",stroke-dasharray:{_DASHES[kind]}" if kind in _DASHES else ""
        stress = {None: "", True: ",stroke-width:3px", False: ",opacity:0.3"}[is_lit]
        looks.setdefault(f"stroke:{LIGHT.edges[kind]}{dashes}{stress}", []).append(number)
    for look, numbers in looks.items():
        yield f"  linkStyle {','.join(map(str, numbers))} {look}"


def _quoted(*lines: str) -> str:
    return '"' + "<br/>".join(_SPECIAL.sub(_entity, line) for line in lines) + '"'


def _entity(match: re.Match[str]) -> str:
    """Return a character as mermaid's own entity."""
    return f"#{ord(match[0])};"
