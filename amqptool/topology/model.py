"""What a topology is made of: exchanges, queues and bindings, each with its place in the file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from amqptool.message import FieldValue

DestinationType = Literal["queue", "exchange"]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in a file; `line` and `column` count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    def seen_from(self, other: Place) -> str:
        """Name this place as briefly as a reader at `other` can follow."""
        return f"on line {self.line}" if self.file == other.file else f"at {self}"


#: The place of objects that were not read from a file.
NOWHERE = Place("<none>", 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """An exchange as it is to be declared."""

    name: str
    #: direct, fanout, topic, headers, or a plugin's type (`x-…`).
    type: str
    durable: bool = True
    auto_delete: bool = False
    #: Takes messages from other exchanges only, none from publishers.
    internal: bool = False
    arguments: Mapping[str, FieldValue] = field(default_factory=dict, hash=False)
    #: None: the vhost of the connection.
    vhost: str | None = None
    place: Place = field(default=NOWHERE, compare=False, repr=False)

    def __str__(self) -> str:
        return f"exchange {self.name} ({self.type})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A queue as it is to be declared; never exclusive, such a queue dies with its connection."""

    name: str
    durable: bool = True
    auto_delete: bool = False
    arguments: Mapping[str, FieldValue] = field(default_factory=dict, hash=False)
    #: None: the vhost of the connection.
    vhost: str | None = None
    place: Place = field(default=NOWHERE, compare=False, repr=False)

    @property
    def type(self) -> str:
        """The queue's type; classic unless it says otherwise (a vhost may have another default)."""
        return str(self.arguments.get("x-queue-type", "classic"))

    def __str__(self) -> str:
        return f"queue {self.name} ({self.type})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A binding from an exchange to a queue or to another exchange."""

    source: str
    destination: str
    destination_type: DestinationType = "queue"
    routing_key: str = ""
    arguments: Mapping[str, FieldValue] = field(default_factory=dict, hash=False)
    #: None: the vhost of the connection.
    vhost: str | None = None
    place: Place = field(default=NOWHERE, compare=False, repr=False)

    def __str__(self) -> str:
        key = f" with key {self.routing_key!r}" if self.routing_key else ""
        return f"binding of {self.destination_type} {self.destination} to {self.source}{key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """Exchanges, queues and bindings, in the order of their file."""

    exchanges: tuple[Exchange, ...] = ()
    queues: tuple[Queue, ...] = ()
    bindings: tuple[Binding, ...] = ()

    @classmethod
    def load(cls, *paths: str | os.PathLike[str]) -> Topology:
        """Read and check topology files (YAML or JSON) that together make one topology.

        Raises:
            TopologyError: the files have problems; all of them are listed.
            OSError: a file cannot be read, or is not a regular file.
        """
        from amqptool.topology.load import load

        return load(paths)

    @classmethod
    def parse(cls, text: str | bytes, name: str = "<string>") -> Topology:
        """Read and check a topology file's content; `name` stands for the file in problems.

        Raises:
            TopologyError: the text has problems; all of them are listed.
        """
        from amqptool.topology.load import parse

        return parse(text, name)

    def counts(self) -> dict[str, int]:
        """Count the objects of each section."""
        return {
            "exchanges": len(self.exchanges),
            "queues": len(self.queues),
            "bindings": len(self.bindings),
        }

    def __str__(self) -> str:
        counts = self.counts().items()
        return ", ".join(f"{n} {section[:-1] if n == 1 else section}" for section, n in counts)
