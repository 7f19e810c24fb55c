"""The way of one message in a graph: lit, so that all else can step back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from amqptool.topology.draw.graph import Edge, Key, Node

if TYPE_CHECKING:
    from collections.abc import Iterable

    from amqptool.topology.draw.graph import EdgeKind, Graph
    from amqptool.topology.routing import Step


def highlight(graph: Graph, steps: Iterable[Step], vhost: str | None) -> Graph:
    """Return a graph in which what becomes of a message is lit, as routing explains it for a vhost.

    The default exchange's way to a queue is added if the graph lacks it.
    """
    route = _Route(graph, vhost)
    for step in steps:
        route.follow(step)
    return replace(graph, nodes=tuple(route.nodes.values()), edges=tuple(route.edges.values()), highlighted=True)


class _Route:
    """A graph in which a message's way is being lit."""

    def __init__(self, graph: Graph, vhost: str | None) -> None:
        self.nodes = {node.key: node for node in graph.nodes}
        self.edges = {(edge.source, edge.target, edge.kind): edge for edge in graph.edges}
        self._found = {(key.kind, key.name): key for key in self.nodes if key.vhost in (None, vhost)}

    def follow(self, step: Step) -> None:
        """Light an exchange and the ways that the message takes from it."""
        if not step.exchange.name:
            self._leave_default_exchange(step)
            return
        source = self._found.get(("exchange", step.exchange.name))
        if source is None:
            return
        self._light(source)
        for binding in step.matched:
            self._go(source, self._found.get((binding.destination_type, binding.destination)), "binding")
        if step.alternate is not None:
            self._go(source, self._found.get(("exchange", step.alternate)), "alternate")

    def _leave_default_exchange(self, step: Step) -> None:
        for binding in step.matched:
            target = self._found.get(("queue", binding.destination))
            if target is not None:
                source = Key(target.vhost, "default", "")
                self.nodes.setdefault(source, Node(key=source, type="direct"))
                self.edges.setdefault((source, target, "default"), Edge(source=source, target=target, kind="default"))
                self._light(source)
                self._go(source, target, "default")

    def _go(self, source: Key, target: Key | None, kind: EdgeKind) -> None:
        way = None if target is None else self.edges.get((source, target, kind))
        if way is not None:
            self.edges[way.source, way.target, kind] = replace(way, lit=True)
            self._light(way.target)

    def _light(self, key: Key) -> None:
        self.nodes[key] = replace(self.nodes[key], lit=True)
