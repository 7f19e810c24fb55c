"""A topology with what the rules ask of it, looked up or worked out once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias

from amqptool.topology.lint.reach import Reach
from amqptool.topology.model import Queue
from amqptool.topology.names import PREDECLARED, predeclared_type
from amqptool.topology.policies import Policies
from amqptool.topology.problems import did_you_mean, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amqptool.message import FieldValue
    from amqptool.topology.model import Binding, Exchange, Place, Policy, Topology

#: What an exchange or a queue is called: its vhost and its name.
Key: TypeAlias = "tuple[str | None, str]"


@dataclass(frozen=True, slots=True)
class Author:
    """Who says something about a queue: the queue itself, or a policy that matches it."""

    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class DeadLettering:
    """Where the dead letters of a queue go."""

    queue: Queue
    exchange: str
    #: None: each keeps its own.
    routing_key: str | None
    author: Author


class Index:
    """A topology, its names and what its policies make of it."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.policies = Policies(topology)
        self.exchanges = {(exchange.vhost, exchange.name): exchange for exchange in topology.exchanges}
        self.queues = {(queue.vhost, queue.name): queue for queue in topology.queues}
        self.reach = Reach(self)
        self._hints: dict[tuple[str, str], str] = {}

    @cached_property
    def own_queues(self) -> list[Queue]:
        """The queues that the file writes out; what `retry` and `dead_letter` imply is as it must be."""
        return [queue for queue in self.topology.queues if queue.implied_by is None]

    @cached_property
    def bindings_from(self) -> dict[Key, list[Binding]]:
        """The bindings by their source."""
        found: dict[Key, list[Binding]] = defaultdict(list)
        for binding in self.topology.bindings:
            found[binding.vhost, binding.source].append(binding)
        return dict(found)

    @cached_property
    def bound(self) -> dict[str, set[Key]]:
        """The queues and the exchanges that a binding leads to."""
        found: dict[str, set[Key]] = {"queue": set(), "exchange": set()}
        for binding in self.topology.bindings:
            found[binding.destination_type].add((binding.vhost, binding.destination))
        return found

    @cached_property
    def matching(self) -> list[tuple[Exchange | Queue, list[Policy]]]:
        """Each exchange and each queue with the policies that match it, the one that applies first."""
        things: list[Exchange | Queue] = [*self.topology.exchanges, *self.topology.queues]
        return [(thing, self.policies.matching(thing)) for thing in things]

    @cached_property
    def settings(self) -> dict[Key, dict[str, FieldValue]]:
        """What each queue goes by, arguments and policy together, without any `x-`."""
        return {key: self.policies.effective(queue) for key, queue in self.queues.items()}

    @cached_property
    def alternates(self) -> dict[Key, str]:
        """The alternate exchange of each exchange that has one."""
        found = {key: self.policies.effective(each).get("alternate-exchange") for key, each in self.exchanges.items()}
        return {key: name for key, name in found.items() if isinstance(name, str)}

    @cached_property
    def dead_letterings(self) -> list[DeadLettering]:
        """The queues that have a dead-letter exchange, in the file's order."""
        return list(self._dead_letterings())

    @cached_property
    def dead_letter_exchanges(self) -> set[Key]:
        """What queues name as their dead-letter exchange."""
        return {(each.queue.vhost, each.exchange) for each in self.dead_letterings}

    def of(self, queue: Queue) -> dict[str, FieldValue]:
        """Return what a queue goes by, arguments and policy together, without any `x-`."""
        return self.settings[queue.vhost, queue.name]

    def author(self, thing: Exchange | Queue, *keys: str) -> Author:
        """Return who says one of these things about an exchange or a queue."""
        if not any(key in thing.arguments or f"x-{key}" in thing.arguments for key in keys):
            for policy in self.policies.matching(thing)[:1]:
                return Author(f"policy {quoted(policy.name)}", policy.place)
        return Author(f"{'queue' if isinstance(thing, Queue) else 'exchange'} {quoted(thing.name)}", thing.place)

    def hint(self, word: str, kind: Literal["exchange", "queue"]) -> str:
        """Return the end of a message: `; did you mean …?`, or nothing."""
        if (word, kind) not in self._hints:
            names = self.exchanges if kind == "exchange" else self.queues
            self._hints[word, kind] = did_you_mean(word, [name for _, name in names])
        return self._hints[word, kind]

    def is_exchange(self, vhost: str | None, name: str) -> bool:
        """Return whether an exchange is there: in the file, or in every vhost."""
        return name == "" or name in PREDECLARED or (vhost, name) in self.exchanges

    def routes_as(self, vhost: str | None, name: str) -> str | None:
        """Return the type by which an exchange routes: direct, fanout, topic, headers, or one of a plugin's."""
        if name in PREDECLARED:
            return predeclared_type(name)
        exchange = self.exchanges.get((vhost, name))
        if exchange is None:
            return None
        delayed = exchange.arguments.get("x-delayed-type")
        return delayed if exchange.type == "x-delayed-message" and isinstance(delayed, str) else exchange.type

    def _dead_letterings(self) -> Iterator[DeadLettering]:
        for queue in self.topology.queues:
            settings = self.of(queue)
            exchange, key = settings.get("dead-letter-exchange"), settings.get("dead-letter-routing-key")
            if isinstance(exchange, str):
                author = self.author(queue, "dead-letter-exchange")
                yield DeadLettering(queue, exchange, key if isinstance(key, str) else None, author)
