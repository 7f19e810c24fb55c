"""A graph as a tree for terminals: exchanges, what they reach by which key, and what becomes of failed messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from amqptool.topology.draw.words import figures, labels, title, traits, vhost_title

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amqptool.topology.draw.graph import Edge, EdgeKind, Graph, Key, Node, NodeKind

#: Stands before the lines of a highlighted route.
LIT = "► "
#: A node that the line is inside of already.
CYCLE = "↺ "
#: A node whose branches are shown further up.
ABOVE = " ↑"
#: A node whose branches are shown further down, because the tree is deep enough.
BELOW = " ↓"
MAX_DEPTH = 16

_BETWEEN, _LAST, _LINE, _SPACE = "├─ ", "└─ ", "│  ", "   "
_ORDER: dict[NodeKind, int] = {"exchange": 0, "default": 1, "queue": 2, "ladder": 3}
_WORDS: dict[EdgeKind, str] = {"alternate": "otherwise", "dead-letter": "dead letters", "retry": "retry"}


def tree(graph: Graph) -> str:
    """Return the tree; a graph of several vhosts is a tree for each."""
    vhosts = graph.vhosts
    parts = [_Tree(graph.of_vhost(vhost)).lines() for vhost in vhosts]
    if len(vhosts) > 1:
        parts = [[f"{vhost_title(vhost)}:", "", *lines] for vhost, lines in zip(vhosts, parts, strict=True)]
    return "\n\n".join("\n".join(lines) for lines in parts)


@dataclass(slots=True)
class _Tree:
    """The tree of one vhost; every node has its branches once."""

    graph: Graph
    nodes: dict[Key, Node] = field(init=False)
    ways: dict[Key, list[Edge]] = field(init=False)
    shown: set[Key] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.nodes = {node.key: node for node in self.graph.nodes}
        self.ways = {key: [] for key in self.nodes}
        for edge in self.graph.edges:
            self.ways[edge.source].append(edge)

    def lines(self) -> list[str]:
        """Return the lines: exchanges that no exchange leads to, those in cycles, and then what is left."""
        inner = {edge.target for edge in self.graph.edges if edge.kind == "binding"}
        lines: list[str] = []
        for key in sorted(self.nodes, key=lambda key: (_ORDER[key.kind], key in inner)):
            if key not in self.shown:
                lines += [""] * bool(lines)
                lines += self._root(self.nodes[key])
        return lines

    def _root(self, node: Node) -> Iterator[str]:
        yield self._marked(self._described(node), lit=node.lit)
        yield from self._branches(node, "", ())

    def _branches(self, node: Node, indent: str, inside: tuple[Key, ...]) -> Iterator[str]:
        self.shown.add(node.key)
        inside = (*inside, node.key)
        edges = self.ways[node.key]
        for edge in edges:
            last = edge is edges[-1]
            target = self.nodes[edge.target]
            fate = self._fate(edge, target, inside)
            text = f"{indent}{_LAST if last else _BETWEEN}{self._way(edge)}{self._end(target, fate)}"
            yield self._marked(text, lit=edge.lit)
            if fate == "":
                yield from self._branches(target, indent + (_SPACE if last else _LINE), inside)

    def _fate(self, edge: Edge, target: Node, inside: tuple[Key, ...]) -> str | None:
        """Return the mark of an edge's end: empty if its branches follow, None if they do not and need no mark."""
        if target.key in inside:
            return CYCLE
        if not self.ways[target.key] and target.key not in self.shown:
            return ""
        if target.kind == "exchange" and edge.kind != "binding":
            return None  # it has a tree of its own
        if target.key in self.shown:
            return ABOVE if self.ways[target.key] else None
        return "" if len(inside) < MAX_DEPTH else BELOW

    def _way(self, edge: Edge) -> str:
        if edge.target.kind == "ladder":
            return ""
        joint = " as " if edge.kind == "dead-letter" else " "
        way = joint.join(filter(None, [_WORDS.get(edge.kind, ""), ", ".join(labels(edge))]))
        return f"{way} → " if way else ""

    def _end(self, target: Node, fate: str | None) -> str:
        if fate == CYCLE:
            return f"{CYCLE}{title(target)}"
        return f"{self._described(target)}{fate or ''}"

    def _described(self, node: Node) -> str:
        kind = traits(node)
        held = "" if node.figures is None else f"  {', '.join(figures(node.figures))}"
        return f"{title(node)}{f' ({kind})' if kind and node.kind in ('exchange', 'queue') else ''}{held}"

    def _marked(self, line: str, *, lit: bool) -> str:
        if not self.graph.highlighted:
            return line
        return (LIT if lit else " " * len(LIT)) + line
