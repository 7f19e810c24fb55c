"""What a topology is made of: exchanges, queues, bindings and policies, each with its place in the file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from amqptool.message import FieldValue
    from amqptool.topology.described import DescribedMessage

_SINGULAR = {"exchanges": "exchange", "queues": "queue", "bindings": "binding", "policies": "policy"}

DestinationType = Literal["queue", "exchange"]
#: What a policy applies to; the narrower kinds of queues exist from RabbitMQ 3.12 on.
ApplyTo = Literal["all", "exchanges", "queues", "classic_queues", "quorum_queues", "streams"]


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
    #: Its retry ladder, in milliseconds; each delay has a wait queue, which is in the topology too.
    retry: tuple[int, ...] = ()
    #: Its dead-letter queue, which is in the topology too.
    dead_letter: str | None = None
    #: The queue whose `retry` or `dead_letter` implies this one; None for a queue of the file's own.
    implied_by: str | None = None
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
        arguments = f" with arguments {_as_json(self.arguments)}" if self.arguments else ""
        return f"binding of {self.destination_type} {self.destination} to {self.source}{key}{arguments}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy: what the broker adds to the exchanges and queues whose names match."""

    name: str
    #: An Erlang regular expression (PCRE), searched for in names.
    pattern: str
    #: Keys as RabbitMQ has them in policies: without the `x-` of arguments.
    definition: Mapping[str, FieldValue] = field(hash=False)
    apply_to: ApplyTo = "all"
    #: Of several policies that match, only the one with the highest priority applies.
    priority: int = 0
    #: None: the vhost of the connection.
    vhost: str | None = None
    place: Place = field(default=NOWHERE, compare=False, repr=False)

    def __str__(self) -> str:
        return f"policy {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vhost:
    """A vhost that the file names; it is created only on demand."""

    name: str
    #: The type of queues that are declared without one; None: the broker's default, classic.
    default_queue_type: str | None = None
    place: Place = field(default=NOWHERE, compare=False, repr=False)

    def __str__(self) -> str:
        return f"vhost {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingTest:
    """An expectation of the file's: where a message that is published arrives."""

    exchange: str
    routing_key: str
    headers: Mapping[str, FieldValue] = field(default_factory=dict, hash=False)
    #: The queues that get the message, sorted.
    reaches: tuple[str, ...] = ()
    vhost: str | None = None
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmanaged:
    """A section of RabbitMQ's exports that amqptool keeps and leaves alone: users, permissions, …"""

    section: str
    #: Never shown: it may hold secrets.
    value: Any = field(hash=False, repr=False)
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """An object that an export holds and nobody can declare, such as a queue that the broker named."""

    what: str
    reason: str
    place: Place = field(default=NOWHERE, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.what} is left out: {self.reason}"


#: What can be declared.
TopologyObject: TypeAlias = Vhost | Exchange | Queue | Binding | Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """What a file declares, in its order; implied queues (`retry`, `dead_letter`) follow the file's own."""

    vhosts: tuple[Vhost, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    queues: tuple[Queue, ...] = ()
    bindings: tuple[Binding, ...] = ()
    policies: tuple[Policy, ...] = ()
    messages: tuple[DescribedMessage, ...] = ()
    tests: tuple[RoutingTest, ...] = ()
    unmanaged: tuple[Unmanaged, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    @classmethod
    def load(cls, *paths: str | os.PathLike[str], variables: Mapping[str, str] | None = None) -> Topology:
        """Read and check topology files (YAML or JSON) that together make one topology.

        `variables` gives `${NAME}` its value; none are taken from the environment unless it is handed in.

        Raises:
            TopologyError: the files have problems; all of them are listed.
            OSError: a file cannot be read.
        """
        from amqptool.topology.file.load import load

        return load(paths, variables or {})

    @classmethod
    def parse(
        cls, text: str | bytes, name: str = "<string>", *, variables: Mapping[str, str] | None = None
    ) -> Topology:
        """Read and check a topology file's content; `name` stands for the file in problems.

        Raises:
            TopologyError: the text has problems; all of them are listed.
        """
        from amqptool.topology.file.load import parse

        return parse(text, name, variables or {})

    def to_yaml(self, *, fold: bool = True) -> str:
        """Write the topology as a file for people, in shorthand; without `fold`, implied queues are written out."""
        from amqptool.topology.dump.shorthand import to_yaml

        return to_yaml(self, fold=fold)

    def to_definitions(self) -> str:
        """Write the topology as RabbitMQ's definitions.json; messages and tests have no place there."""
        from amqptool.topology.dump.definitions import to_definitions

        return to_definitions(self)

    def counts(self) -> dict[str, int]:
        """Count the objects of each section."""
        return {
            "exchanges": len(self.exchanges),
            "queues": len(self.queues),
            "bindings": len(self.bindings),
            "policies": len(self.policies),
        }

    def __str__(self) -> str:
        counts = [(section, n) for section, n in self.counts().items() if n or section != "policies"]
        return ", ".join(f"{n:,} {_SINGULAR[section] if n == 1 else section}" for section, n in counts)


def _as_json(table: Mapping[str, FieldValue]) -> str:
    """Return a table so that 1 and "1" differ, and its order does not matter."""
    return json.dumps(dict(table), ensure_ascii=False, sort_keys=True, default=str)
