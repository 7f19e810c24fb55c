"""The other indexes, and which one an exchange's type has."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING

from amqptool.topology.model import Binding
from amqptool.topology.problems import quoted
from amqptool.topology.routing.headers import HeadersIndex
from amqptool.topology.routing.interface import MAX_CANDIDATES, NEAREST, NearMiss
from amqptool.topology.routing.trie import TopicIndex
from amqptool.topology.routing.words import typos, unlike

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from amqptool.topology.model import Exchange
    from amqptool.topology.routing.interface import Address, Index

#: The exchange types that choose one of their bindings by a hash, at random or by where a queue is.
CHOOSING_TYPES = frozenset({"x-consistent-hash", "x-random", "x-modulus-hash", "x-local-random"})
#: The types whose bindings decide alone. The last is a fanout that also repeats old messages to new bindings.
_PREDICTABLE_TYPES = frozenset({"direct", "fanout", "topic", "headers", "x-recent-history"})
_DELAYED = "x-delayed-message"


def routed_type(exchange: Exchange) -> str:
    """Return the type that decides where messages go: a delayed exchange routes as its `x-delayed-type`."""
    if exchange.type == _DELAYED:
        return str(exchange.arguments.get("x-delayed-type", exchange.type))
    return exchange.type


def is_predictable(exchange: Exchange) -> bool:
    """Return whether the bindings alone decide where a message goes."""
    return routed_type(exchange) in _PREDICTABLE_TYPES


def index(exchange: Exchange, bindings: Sequence[Binding], rabbitmq: tuple[int, int]) -> Index:
    """Index the bindings of an exchange as its type asks for."""
    match routed_type(exchange):
        case "direct":
            return DirectIndex(bindings)
        case "topic":
            return TopicIndex(bindings)
        case "headers":
            return HeadersIndex(bindings, rabbitmq)
        case "x-local-random":
            return AllIndex([binding for binding in bindings if not binding.routing_key])
        case _:
            return AllIndex(bindings)


class AllIndex:
    """The bindings of an exchange that does not look at keys; of an unpredictable one, its candidates."""

    def __init__(self, bindings: Sequence[Binding]) -> None:
        self._bindings = bindings

    def matching(self, address: Address) -> Sequence[Binding]:
        """Return all bindings."""
        del address
        return self._bindings

    def near(self, address: Address) -> Sequence[NearMiss]:
        """Return nothing: all bindings match."""
        del address
        return ()


class DirectIndex:
    """The bindings of a direct exchange, by their key."""

    def __init__(self, bindings: Iterable[Binding]) -> None:
        self._by_key: dict[str, list[Binding]] = {}
        for binding in bindings:
            self._by_key.setdefault(binding.routing_key, []).append(binding)

    def matching(self, address: Address) -> list[Binding]:
        """Return the bindings with one of the keys."""
        return [binding for key in address.keys for binding in self._by_key.get(key, ())]

    def near(self, address: Address) -> list[NearMiss]:
        """Return bindings with a key like the routing key."""
        return [
            NearMiss(binding, f"the key is {quoted(address.keys[0])}, not {quoted(key)}", distance)
            for key, distance in _like(address, self._by_key)
            for binding in self._by_key[key][:NEAREST]
        ]


class DefaultIndex:
    """The default exchange: every queue is bound to it by its name."""

    def __init__(self, queues: Collection[str]) -> None:
        self._queues = queues

    def matching(self, address: Address) -> list[Binding]:
        """Return the implicit bindings of the queues that the keys name."""
        return [_implicit(key) for key in address.keys if key in self._queues]

    def near(self, address: Address) -> list[NearMiss]:
        """Return the implicit bindings of queues with names like the routing key."""
        return [
            NearMiss(_implicit(name), f"the key is {quoted(address.keys[0])}, the queue is {quoted(name)}", distance)
            for name, distance in _like(address, self._queues)
        ]


def _implicit(queue: str) -> Binding:
    return Binding(source="", destination=queue, routing_key=queue)


def _like(address: Address, keys: Collection[str]) -> Iterator[tuple[str, float]]:
    """Compare the routing key with others, first with those that are a typo away; yield how different each is."""
    key = address.keys[0]
    others = dict.fromkeys(chain(typos(key, keys), islice(keys, MAX_CANDIDATES)))
    return ((other, unlike(key, other)) for other in others if other not in address.keys)
