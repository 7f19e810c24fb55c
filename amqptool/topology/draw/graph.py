"""What a picture shows: nodes (exchanges, queues, ladders of wait queues) and the edges between them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection

NodeKind = Literal["default", "exchange", "queue", "ladder"]
#: What a queue is to others; `missing` is what somebody refers to and nobody declares.
Role = Literal["own", "wait", "dead", "missing"]
EdgeKind = Literal["binding", "default", "alternate", "dead-letter", "retry"]

#: What each kind of edge means, in the order of a legend.
MEANINGS: dict[EdgeKind, str] = {
    "binding": "binding",
    "default": "default exchange, by the queue's name",
    "alternate": "alternate exchange: what no binding takes",
    "dead-letter": "dead letters",
    "retry": "retry: there, and back after the delay",
}
#: What the default exchange is called; its real name is empty.
DEFAULT_EXCHANGE = "(default exchange)"
_GLOB = frozenset("*?[")


class Key(NamedTuple):
    """What a node is known by; a ladder has the name of the queue it belongs to."""

    vhost: str | None
    kind: NodeKind
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a queue of a running broker holds, and what flows through it per second."""

    ready: int = 0
    unacked: int = 0
    #: None where the broker has no rate yet.
    published: float | None = None
    delivered: float | None = None

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            ready=self.ready + other.ready,
            unacked=self.unacked + other.unacked,
            published=_sum(self.published, other.published),
            delivered=_sum(self.delivered, other.delivered),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """An exchange, a queue, or all wait queues of a queue as one."""

    key: Key
    #: The type of the exchange or queue.
    type: str = ""
    role: Role = "own"
    #: Of an exchange that takes messages from exchanges only.
    internal: bool = False
    #: The delays of a ladder, in milliseconds.
    delays: tuple[int, ...] = ()
    figures: Figures | None = None
    #: On the route that the picture is to show.
    lit: bool = False

    @property
    def kind(self) -> NodeKind:
        """What the node stands for."""
        return self.key.kind

    @property
    def name(self) -> str:
        """The name of the exchange or queue."""
        return self.key.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """All ways of one kind from one node to another."""

    source: Key
    target: Key
    kind: EdgeKind
    #: Routing keys, or what the headers must be; one for each binding that has such.
    labels: tuple[str, ...] = ()
    lit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A topology as nodes and edges, in the order of the file."""

    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    #: A route is to be seen: what is not lit steps back.
    highlighted: bool = False

    @property
    def vhosts(self) -> tuple[str | None, ...]:
        """The vhosts of the nodes; None is the vhost of the connection."""
        return tuple(dict.fromkeys(node.key.vhost for node in self.nodes))

    def of_vhost(self, vhost: str | None) -> Graph:
        """Return the part of one vhost; no edge leads from one to another."""
        return self._part({vhost})

    def within(self, vhosts: Collection[str]) -> Graph:
        """Return the part of some vhosts, if any are named; what names no vhost itself belongs to each."""
        return self._part({None, *vhosts}) if vhosts else self

    def _part(self, vhosts: Collection[str | None]) -> Graph:
        return replace(
            self,
            nodes=tuple(node for node in self.nodes if node.key.vhost in vhosts),
            edges=tuple(edge for edge in self.edges if edge.source.vhost in vhosts),
        )

    def around(self, pattern: str) -> Graph:
        """Return what matches by name, with its edges and the other ends of those.

        `pattern` is the beginning of a name, or a glob (`*`, `?`, `[…]`) for all of it.
        """
        glob = pattern if _GLOB & set(pattern) else f"{pattern}*"
        chosen = {node.key for node in self.nodes if node.kind != "default" and fnmatchcase(node.name, glob)}
        edges = tuple(edge for edge in self.edges if edge.source in chosen or edge.target in chosen)
        kept = chosen | {end for edge in edges for end in (edge.source, edge.target)}
        return replace(self, nodes=tuple(node for node in self.nodes if node.key in kept), edges=edges)


def _sum(one: float | None, other: float | None) -> float | None:
    return other if one is None else one + (other or 0.0)
