"""Where a message goes, by the rules of RabbitMQ and without a broker."""

from __future__ import annotations

from dataclasses import dataclass, replace
from heapq import nsmallest
from typing import TYPE_CHECKING, Literal

from amqptool.errors import AccessRefused, InputError, NotFound
from amqptool.topology.model import Exchange
from amqptool.topology.names import PREDECLARED, flaw_of_key, predeclared_type
from amqptool.topology.policies import Policies
from amqptool.topology.problems import did_you_mean, quoted
from amqptool.topology.routing.indexes import CHOOSING_TYPES, DefaultIndex, index, is_predictable
from amqptool.topology.routing.interface import NEAREST, Address
from amqptool.topology.routing.vhosts import only_vhost

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from amqptool.message import FieldValue
    from amqptool.topology.model import Binding, Topology
    from amqptool.topology.routing.interface import Index, NearMiss

_ALTERNATE = "alternate-exchange"
#: Headers that hold more routing keys (RabbitMQ, "Sender-selected Distribution").
_KEY_HEADERS = ("CC", "BCC")
_DEFAULT = Exchange(name="", type="direct")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownRouting:
    """An exchange that makes a choice which bindings do not tell."""

    exchange: str
    type: str
    #: What it may choose, sorted.
    queues: tuple[str, ...]
    exchanges: tuple[str, ...]

    def __str__(self) -> str:
        candidates = [*self.queues, *(f"exchange {name}" for name in self.exchanges)]
        how = "chooses one of" if self.type in CHOOSING_TYPES else "may send to"
        return f"exchange {self.exchange} ({self.type}) {how}: {', '.join(candidates)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """Where a message goes."""

    #: The queues that get it, each once, sorted.
    queues: tuple[str, ...]
    #: Queues that may get it too, depending on what `unknown` says; sorted.
    possible: tuple[str, ...] = ()
    unknown: tuple[UnknownRouting, ...] = ()

    @property
    def unroutable(self) -> bool:
        """Whether no queue gets it, so that the broker returns or drops it."""
        return not self.queues and not self.possible


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one exchange does with the message."""

    exchange: Exchange
    matched: Sequence[Binding]
    #: The alternate exchange that gets the message because nothing matched.
    alternate: str | None = None
    unknown: UnknownRouting | None = None
    #: Whether it certainly gets the message; it may not where an exchange before it makes a choice.
    certain: bool = True
    #: The nearest bindings that do not match; only in explanations.
    nearest: tuple[NearMiss, ...] = ()

    @property
    def onward(self) -> list[str]:
        """The exchanges that it sends the message to."""
        names = [binding.destination for binding in self.matched if binding.destination_type == "exchange"]
        return names if self.alternate is None else [*names, self.alternate]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Where a message goes, and why."""

    routed: Routed
    #: One step for each exchange that gets the message, the one it is published to first.
    steps: tuple[Step, ...]


class Router:
    """Routes messages through the exchanges of one vhost as RabbitMQ does.

    `vhost` is the vhost of the connection: objects that name no vhost belong to it. None stands for the only
    vhost that the topology names, if it names any. `rabbitmq` is the release to follow; it makes a difference
    only for floats and timestamps in bindings of headers exchanges, which changed with 3.13.

    Bindings are indexed when a message first reaches their exchange. A topology that changes needs a new router.

    Raises:
        InputError: the topology names several vhosts, and `vhost` is None.
    """

    def __init__(self, topology: Topology, vhost: str | None = None, *, rabbitmq: tuple[int, int] = (4, 0)) -> None:
        vhost = only_vhost(topology) if vhost is None else vhost
        here = (None, vhost)
        self._rabbitmq = rabbitmq
        self._policies = Policies(topology)
        self._exchanges = {exchange.name: exchange for exchange in _predeclared(vhost)}
        self._exchanges |= {exchange.name: exchange for exchange in topology.exchanges if exchange.vhost in here}
        self._queues = frozenset(queue.name for queue in topology.queues if queue.vhost in here)
        self._bindings: dict[str, list[Binding]] = {}
        for binding in topology.bindings:
            if binding.vhost in here:
                self._bindings.setdefault(binding.source, []).append(binding)
        self._indexes: dict[str, Index] = {"": DefaultIndex(self._queues)}

    def route(self, exchange: str, routing_key: str = "", headers: Mapping[str, FieldValue] | None = None) -> Routed:
        """Return where a message goes that is published to an exchange; `""` is the default exchange.

        Raises:
            NotFound: there is no such exchange.
            AccessRefused: the exchange is internal.
            InputError: the broker would refuse the key or the headers CC and BCC.
        """
        return _routed(self._walk(self._entrance(exchange), _address(routing_key, headers or {})))

    def explain(
        self, exchange: str, routing_key: str = "", headers: Mapping[str, FieldValue] | None = None
    ) -> Explanation:
        """Return where a message goes, and for each exchange on its way what matched and what nearly did.

        Raises:
            NotFound: there is no such exchange.
            AccessRefused: the exchange is internal.
            InputError: the broker would refuse the key or the headers CC and BCC.
        """
        address = _address(routing_key, headers or {})
        steps = self._walk(self._entrance(exchange), address)
        explained = tuple(replace(step, nearest=self._nearest(step.exchange, address)) for step in steps)
        return Explanation(routed=_routed(steps), steps=explained)

    def _entrance(self, name: str) -> Exchange:
        if not name:
            return _DEFAULT
        exchange = self._exchanges.get(name)
        if exchange is None:
            hint = did_you_mean(name, self._exchanges)
            raise NotFound(f"there is no exchange {quoted(name)} in the topology{hint}")
        if exchange.internal:
            raise AccessRefused(f"the exchange {quoted(name)} is internal: it takes no messages from publishers")
        return exchange

    def _walk(self, entrance: Exchange, address: Address) -> list[Step]:
        """Visit every exchange that the message reaches, each once; first those that it reaches for certain."""
        steps: dict[str, Step] = {}
        reached, possible = [entrance.name], list[str]()
        for names, certain in ((reached, True), (possible, False)):
            for name in names:  # grows
                exchange = entrance if name == entrance.name else self._exchanges.get(name)
                if exchange is None or name in steps:
                    continue  # a binding or an alternate exchange that leads nowhere, or a cycle
                step = steps[name] = self._step(exchange, address, certain)
                (names if step.unknown is None else possible).extend(step.onward)
        return list(steps.values())

    def _step(self, exchange: Exchange, address: Address, certain: bool) -> Step:
        matched = self._index(exchange).matching(address)
        unknown = _unknown(exchange, matched) if matched and not is_predictable(exchange) else None
        may_match_nothing = not matched or (unknown is not None and exchange.type not in CHOOSING_TYPES)
        alternate = self._alternate(exchange) if may_match_nothing else None
        return Step(exchange=exchange, matched=matched, alternate=alternate, unknown=unknown, certain=certain)

    def _index(self, exchange: Exchange) -> Index:
        found = self._indexes.get(exchange.name)
        if found is None:
            bindings = self._bindings.get(exchange.name, [])
            found = self._indexes[exchange.name] = index(exchange, bindings, self._rabbitmq)
        return found

    def _alternate(self, exchange: Exchange) -> str | None:
        name = self._policies.effective(exchange).get(_ALTERNATE)
        return name if isinstance(name, str) else None

    def _nearest(self, exchange: Exchange, address: Address) -> tuple[NearMiss, ...]:
        misses = self._index(exchange).near(address)
        return tuple(nsmallest(NEAREST, misses, key=lambda miss: miss.distance))


def _predeclared(vhost: str | None) -> Iterable[Exchange]:
    for name in sorted(PREDECLARED):
        yield Exchange(name=name, type=predeclared_type(name), internal=name == "amq.rabbitmq.trace", vhost=vhost)


def _address(routing_key: str, headers: Mapping[str, FieldValue]) -> Address:
    flaw = flaw_of_key(routing_key)
    if flaw is not None:
        raise InputError(f"the routing key {quoted(routing_key)} {flaw}")
    if not any(name in headers for name in _KEY_HEADERS):
        return Address((routing_key,), headers)
    more = [key for name in _KEY_HEADERS if name in headers for key in _keys(name, headers[name])]
    return Address(
        tuple(dict.fromkeys([routing_key, *more])), {name: headers[name] for name in headers if name != "BCC"}
    )


def _keys(name: str, value: FieldValue) -> list[str]:
    if not isinstance(value, list):
        raise InputError(f"the header {name} must be a list of routing keys: the broker closes the channel (406)")
    return [key for key in value if isinstance(key, str)]  # the broker ignores the others


def _unknown(exchange: Exchange, candidates: Sequence[Binding]) -> UnknownRouting:
    return UnknownRouting(
        exchange=exchange.name,
        type=exchange.type,
        queues=_destinations(candidates, "queue"),
        exchanges=_destinations(candidates, "exchange"),
    )


def _destinations(bindings: Iterable[Binding], kind: Literal["queue", "exchange"]) -> tuple[str, ...]:
    return tuple(sorted({binding.destination for binding in bindings if binding.destination_type == kind}))


def _routed(steps: Sequence[Step]) -> Routed:
    certain = _queues(step for step in steps if step.certain and step.unknown is None)
    possible = _queues(step for step in steps if not step.certain or step.unknown is not None)
    return Routed(
        queues=tuple(sorted(certain)),
        possible=tuple(sorted(possible - certain)),
        unknown=tuple(step.unknown for step in steps if step.unknown is not None),
    )


def _queues(steps: Iterable[Step]) -> set[str]:
    return {binding.destination for step in steps for binding in step.matched if binding.destination_type == "queue"}
