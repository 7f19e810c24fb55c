"""From a topology to its graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from amqptool.topology.draw.graph import Edge, Figures, Graph, Key, Node
from amqptool.topology.draw.implied import Implied, implied
from amqptool.topology.draw.words import binding_label
from amqptool.topology.names import PREDECLARED, predeclared_type
from amqptool.topology.policies import Policies
from amqptool.units import duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from amqptool.topology.draw.graph import EdgeKind, Role
    from amqptool.topology.model import Binding, Exchange, Queue, Topology


def build(
    topology: Topology,
    *,
    expanded: bool = False,
    figures: Mapping[tuple[str | None, str], Figures] | None = None,
) -> Graph:
    """Return the graph of a topology.

    The wait queues of a queue become one node, unless `expanded`. `figures` is what queues hold, by vhost and
    name. The default exchange reaches every queue; the graph has it for the queues that nothing else reaches.
    """
    draft = _Draft(
        expanded=expanded, figures=figures or {}, implied=implied(topology.queues), policies=Policies(topology)
    )
    for exchange in topology.exchanges:
        draft.add_exchange(exchange)
    for queue in topology.queues:
        draft.add_queue(queue)
    for binding in topology.bindings:
        draft.connect_binding(binding)
    for exchange in topology.exchanges:
        draft.connect_alternate(exchange)
    for queue in topology.queues:
        draft.connect_retries(queue)
        draft.connect_dead_letters(queue)
    draft.connect_default_exchange()
    return draft.finish()


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A graph in the making."""

    expanded: bool
    figures: Mapping[tuple[str | None, str], Figures]
    implied: Implied
    policies: Policies
    nodes: dict[Key, Node] = field(default_factory=dict)
    edges: dict[tuple[Key, Key, EdgeKind], list[str]] = field(default_factory=dict)

    def add_exchange(self, exchange: Exchange) -> None:
        key = Key(exchange.vhost, "exchange", exchange.name)
        self.nodes[key] = Node(key=key, type=exchange.type, internal=exchange.internal)

    def add_queue(self, queue: Queue) -> None:
        """Add a queue; the wait queues of its ladder come with it."""
        key = _key(queue)
        if key in self.implied.owners:
            return
        self._add(queue, "dead" if key in self.implied.dead.values() else "own")
        ladder = self.implied.ladders.get(key, ())
        if self.expanded:
            for each in ladder:
                self._add(each, "wait")
        elif ladder:
            self._add_ladder(key, ladder)

    def _add(self, queue: Queue, role: Role) -> None:
        key = _key(queue)
        self.nodes[key] = Node(key=key, type=self.policies.queue_type(queue), role=role, figures=self._figures(queue))

    def _add_ladder(self, owner: Key, ladder: Sequence[Queue]) -> None:
        key = owner._replace(kind="ladder")
        held = [figures for queue in ladder if (figures := self._figures(queue)) is not None]
        self.nodes[key] = Node(
            key=key,
            type=ladder[0].type,
            role="wait",
            delays=tuple(map(_delay, ladder)),
            figures=sum(held, Figures()) if held else None,
        )

    def _figures(self, queue: Queue) -> Figures | None:
        return self.figures.get((queue.vhost, queue.name))

    def connect(self, source: Key, target: Key, kind: EdgeKind, label: str | None = None) -> None:
        labels = self.edges.setdefault((source, target, kind), [])
        labels += [label] if label is not None else []

    def exchange(self, vhost: str | None, name: str) -> Key:
        """Return an exchange that something refers to; it need not be declared."""
        key = Key(vhost, "exchange", name) if name else Key(vhost, "default", "")
        if key not in self.nodes:
            known = not name or name in PREDECLARED
            kind = predeclared_type(name) if known else ""
            self.nodes[key] = Node(key=key, type=kind, role="own" if known else "missing")
        return key

    def queue(self, vhost: str | None, name: str) -> Key:
        """Return a queue that something refers to, or the ladder it is part of; it need not be declared."""
        key = Key(vhost, "queue", name)
        if not self.expanded and key in self.implied.owners:
            return self.implied.owners[key]._replace(kind="ladder")
        if key not in self.nodes:
            self.nodes[key] = Node(key=key, role="missing")
        return key

    def connect_binding(self, binding: Binding) -> None:
        source = self.exchange(binding.vhost, binding.source)
        end = self.queue if binding.destination_type == "queue" else self.exchange
        target = end(binding.vhost, binding.destination)
        self.connect(source, target, "binding", binding_label(binding, self.nodes[source].type))

    def connect_alternate(self, exchange: Exchange) -> None:
        alternate = self.policies.effective(exchange).get("alternate-exchange")
        if isinstance(alternate, str):
            source = self.exchange(exchange.vhost, exchange.name)
            self.connect(source, self.exchange(exchange.vhost, alternate), "alternate")

    def connect_retries(self, queue: Queue) -> None:
        key = _key(queue)
        for wait in self.implied.ladders.get(key, ()):
            end = self.queue(wait.vhost, wait.name)
            self.connect(key, end, "retry", duration(_delay(wait)) if self.expanded else None)

    def connect_dead_letters(self, queue: Queue) -> None:
        key = _key(queue)
        if key in self.implied.owners:
            return
        if key in self.implied.dead:
            self.connect(key, self.implied.dead[key], "dead-letter")
        settings = self.policies.effective(queue)
        exchange, routing_key = settings.get("dead-letter-exchange"), settings.get("dead-letter-routing-key")
        if not isinstance(exchange, str):
            return
        if not exchange and isinstance(routing_key, str):
            self.connect(key, self.queue(queue.vhost, routing_key), "dead-letter")
        else:
            label = routing_key if isinstance(routing_key, str) else None
            self.connect(key, self.exchange(queue.vhost, exchange), "dead-letter", label)

    def connect_default_exchange(self) -> None:
        """Give the queues that nothing else reaches their way in."""
        ways: dict[Key, list[Key]] = {}
        for source, target, _ in self.edges:
            ways.setdefault(source, []).append(target)
        targets = {target for _, target, _ in self.edges}
        reached: set[Key] = set()
        _reach((key for key in self.nodes if key.kind == "exchange"), ways, reached)
        # Queues that only each other's dead letters reach come after those that nothing reaches.
        for key in sorted(self.nodes, key=targets.__contains__):
            if key.kind == "queue" and key not in reached:
                self.connect(self.exchange(key.vhost, ""), key, "default")
                _reach([key], ways, reached)

    def finish(self) -> Graph:
        edges = [
            Edge(source=source, target=target, kind=kind, labels=tuple(labels))
            for (source, target, kind), labels in self.edges.items()
        ]
        return Graph(nodes=tuple(self.nodes.values()), edges=tuple(edges))


def _reach(starts: Iterator[Key] | Sequence[Key], ways: Mapping[Key, Sequence[Key]], reached: set[Key]) -> None:
    """Add all that can be reached from some nodes."""
    waiting = list(starts)
    while waiting:
        key = waiting.pop()
        if key not in reached:
            reached.add(key)
            waiting += ways.get(key, ())


def _key(queue: Queue) -> Key:
    return Key(queue.vhost, "queue", queue.name)


def _delay(queue: Queue) -> int:
    delay = queue.arguments["x-message-ttl"]
    return delay if isinstance(delay, int) else 0
