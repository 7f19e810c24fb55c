"""A graph in dot, the language of Graphviz."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.topology.draw.graph import MEANINGS
from amqptool.topology.draw.palette import LIGHT, tint_of
from amqptool.topology.draw.words import figures, labels, shortened, species, title, vhost_title

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amqptool.topology.draw.graph import Edge, EdgeKind, Graph, Key, Node

_STYLES: dict[EdgeKind, str] = {
    "binding": "solid",
    "default": "solid",
    "alternate": "dashed",
    "dead-letter": "dashed",
    "retry": "dotted",
}
_FONT = "Helvetica"
#: What is not on a highlighted route is almost transparent.
_DIM = "40"
#: The columns that a name or a label may take.
_WIDTH = 60


def dot(graph: Graph) -> str:
    """Return the graph as a digraph, with a legend of what its lines mean."""
    number = {node.key: each for each, node in enumerate(graph.nodes)}
    return "\n".join(
        [
            "digraph topology {",
            f'  graph [rankdir=LR, fontname="{_FONT}", nodesep=0.3, ranksep=0.8]',
            f'  node [fontname="{_FONT}", fontsize=11, style="filled,rounded", shape=box]',
            f'  edge [fontname="{_FONT}", fontsize=10]',
            *_nodes(graph, number),
            *(_edge(edge, number, graph) for edge in graph.edges),
            *_legend(graph),
            "}",
        ]
    )


def _nodes(graph: Graph, number: Mapping[Key, int]) -> Iterator[str]:
    """Yield the nodes; those of several vhosts are in a frame for each."""
    vhosts = graph.vhosts
    for cluster, vhost in enumerate(vhosts):
        framed = len(vhosts) > 1
        if framed:
            yield f"  subgraph cluster_{cluster} {{"
            yield f"    {_attributes(label=vhost_title(vhost)).join(('graph ', ''))}"
        for node in graph.of_vhost(vhost).nodes:
            yield f"  {'  ' * framed}n{number[node.key]} {_node(node, graph)}"
        if framed:
            yield "  }"


def _node(node: Node, graph: Graph) -> str:
    tint = LIGHT.nodes[tint_of(node)]
    faint = _DIM if graph.highlighted and not node.lit else ""
    name = title(node)
    lines = [shortened(name, _WIDTH), species(node), *([] if node.figures is None else figures(node.figures))]
    dashed = node.role == "missing" or node.kind == "default"
    return _attributes(
        label="\n".join(lines),
        tooltip=name,
        shape="cylinder" if node.kind == "queue" else "box",
        style=f"filled{',dashed' if dashed else ''}{'' if node.kind == 'queue' else ',rounded'}",
        fillcolor=tint.fill + faint,
        color=tint.stroke + faint,
        fontcolor=LIGHT.text + faint,
        penwidth="3" if node.lit else "1.2",
    )


def _edge(edge: Edge, number: Mapping[Key, int], graph: Graph) -> str:
    faint = _DIM if graph.highlighted and not edge.lit else ""
    label = "\n".join(shortened(each, _WIDTH) for each in labels(edge))
    look = _look(edge.kind, faint) | {"fontcolor": LIGHT.text + faint, "penwidth": "3" if edge.lit else "1.2"}
    return f"  n{number[edge.source]} -> n{number[edge.target]} {_attributes(label=label, **look)}"


def _look(kind: EdgeKind, faint: str = "") -> dict[str, str]:
    both = {"dir": "both"} if kind == "retry" else {}
    return {"style": _STYLES[kind], "color": LIGHT.edges[kind] + faint, **both}


def _legend(graph: Graph) -> Iterator[str]:
    used = {edge.kind for edge in graph.edges}
    if used <= {"binding"}:
        return
    yield "  subgraph cluster_legend {"
    yield '    graph [label="", color="#8c959f"]'
    for each, (kind, meaning) in enumerate(MEANINGS.items()):
        if kind in used:
            yield f"    k{each} {_attributes(label='', shape='point', style='invis')}"
            yield f"    m{each} {_attributes(label=meaning, shape='plaintext', style='solid')}"
            yield f"    k{each} -> m{each} {_attributes(**_look(kind))}"
    yield "  }"


def _attributes(**attributes: str) -> str:
    return f"[{', '.join(f'{name}={_quoted(value)}' for name, value in attributes.items())}]"


def _quoted(text: str) -> str:
    """Quote a text: Graphviz reads backslashes as escapes, and `&lt;` as HTML has it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
    return '"' + escaped.replace("\n", "\\n") + '"'
