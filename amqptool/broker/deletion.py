"""Undoing a topology: what it declares is deleted, and nothing that is in use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

from amqptool.broker.actual import read_actual
from amqptool.broker.amqp import connect
from amqptool.broker.lanes import in_lanes
from amqptool.broker.occupancy import delete_free, occupancies
from amqptool.broker.reconcile.lock import alone
from amqptool.broker.unbinding import unbind
from amqptool.errors import AmqptoolError, BrokerUnavailable, InUse, NotFound, PreconditionFailed
from amqptool.topology.diff.identity import binding_key, end_of, ends_of
from amqptool.topology.model import Binding, Exchange, Policy, Queue, Topology

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence

    from amqptool.broker.amqp import Channel, Connection
    from amqptool.broker.management import Management
    from amqptool.broker.occupancy import Occupancy
    from amqptool.settings.url import AmqpUrl

T = TypeVar("T", bound="Exchange | Queue | Binding | Policy")

#: What can be deleted; vhosts never are.
Deletable: TypeAlias = Exchange | Queue | Binding | Policy
#: What became of an object: it is gone, was not there, was left alone, or is there still because of an error.
Outcome = Literal["deleted", "absent", "kept", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is to become of queues and exchanges that are in use; by default a queue in use is kept, a failure."""

    #: Delete queues whatever they hold and whoever consumes from them.
    delete_messages: bool = False
    #: Keep queues that hold messages or have consumers, and call that no failure.
    if_empty: bool = False
    #: Keep queues that have consumers and exchanges that others are bound to, and call that no failure.
    if_unused: bool = False


@dataclass(frozen=True, slots=True)
class Deleted:
    """One object, and what became of it."""

    object: Deletable
    outcome: Outcome
    #: Why it is still there; none if it is, as the rules have it.
    error: AmqptoolError | None = None
    #: Why it was kept.
    reason: str = ""


async def delete(
    url: AmqpUrl, topology: Topology, management: Management | None, rules: Rules | None = None
) -> list[Deleted]:
    """Delete everything that a topology declares: policies, then bindings, queues and exchanges.

    Doing it again changes nothing. A queue that is kept loses its bindings all the same: it can be worked off
    then, and deleted later. Without `management`, policies cannot be deleted, no queue is surely free of
    un-acked messages, and every binding counts as deleted.

    Raises:
        BrokerUnavailable: the broker or the management API could not be reached in the first place.
        AccessRefused: the broker refused the credentials, the vhost, or the use of the management API.
    """
    outcomes: list[Deleted] = []
    for vhost, things in _by_vhost(topology, url.vhost).items():
        try:
            async with alone(url, [vhost]), connect(replace(url, vhost=vhost), name="amqptool delete") as connection:
                outcomes += await _Deletion(connection, management, rules or Rules()).run(things)
        except AmqptoolError as error:
            if not outcomes:
                raise
            outcomes += [Deleted(thing, "failed", error) for thing in things]
    return outcomes


def _by_vhost(topology: Topology, default: str) -> dict[str, list[Deletable]]:
    groups: dict[str, list[Deletable]] = {}
    for thing in in_order(topology):
        groups.setdefault(thing.vhost or default, []).append(thing)
    return groups


def in_order(topology: Topology) -> list[Deletable]:
    """Return what a topology declares in the order in which it is deleted."""
    return [*topology.policies, *topology.bindings, *reversed(topology.queues), *reversed(topology.exchanges)]


class _Deletion:
    """Deleting in one vhost."""

    def __init__(self, connection: Connection, management: Management | None, rules: Rules) -> None:
        self._connection = connection
        self._management = management
        self._rules = rules
        self._vhost = connection.url.vhost
        self._actual: Topology | None = None
        self._absent_exchanges: set[str] = set()
        self._found: dict[str, Occupancy] = {}

    async def run(self, things: Sequence[Deletable]) -> list[Deleted]:
        """Delete kind by kind."""
        queues = [thing for thing in things if isinstance(thing, Queue)]
        exchanges = [thing for thing in things if isinstance(thing, Exchange)]
        await self._look(exchanges)
        policies = [await self._policy(thing) for thing in things if isinstance(thing, Policy)]
        bindings = await self._each([thing for thing in things if isinstance(thing, Binding)], self._binding)
        # Only now: what is bound no more gets no more messages.
        self._found = await occupancies(self._connection, self._management, [queue.name for queue in queues])
        ends = [*await self._each(queues, self._queue), *await self._each(exchanges, self._exchange)]
        return [*policies, *_with_their_ends(bindings, ends, self._vhost), *ends]

    async def _each(self, things: Sequence[T], work: Callable[[Channel, T], Awaitable[Deleted]]) -> list[Deleted]:
        results = await in_lanes(self._connection, things, work)
        return [
            Deleted(thing, "failed", result) if isinstance(result, AmqptoolError) else result
            for thing, result in zip(things, results, strict=True)
        ]

    async def _look(self, exchanges: Sequence[Exchange]) -> None:
        """Find out what is there: an auto-delete exchange goes with its last binding."""
        found = await in_lanes(self._connection, exchanges, lambda channel, each: channel.check_exchange(each.name))
        pairs = zip(exchanges, found, strict=True)
        self._absent_exchanges = {exchange.name for exchange, result in pairs if isinstance(result, NotFound)}
        if self._management is not None:
            self._actual = await read_actual(self._management, [self._vhost])

    async def _policy(self, policy: Policy) -> Deleted:
        if self._management is None or self._actual is None:
            return Deleted(policy, "failed", BrokerUnavailable("policies are deleted over the management API only"))
        if all(policy.name != each.name for each in self._actual.policies):
            return Deleted(policy, "absent")
        try:
            await self._management.delete_policy(self._vhost, policy.name)
        except AmqptoolError as error:
            return Deleted(policy, "failed", error)
        return Deleted(policy, "deleted")

    async def _binding(self, channel: Channel, binding: Binding) -> Deleted:
        if self._actual is not None and binding_key(binding, self._vhost) not in self._held:
            return Deleted(binding, "absent")
        await unbind(channel, self._management, self._vhost, binding)
        return Deleted(binding, "deleted")

    @cached_property
    def _held(self) -> set[Hashable]:
        actual = self._actual or Topology()
        return {binding_key(each, self._vhost) for each in actual.bindings}

    async def _queue(self, channel: Channel, queue: Queue) -> Deleted:
        occupancy = self._found.get(queue.name)
        if occupancy is None:
            return Deleted(queue, "absent")
        if self._rules.if_unused and occupancy.consumers:
            return Deleted(queue, "kept", reason=f"it {occupancy}")
        try:
            if self._rules.delete_messages:
                await channel.delete_queue(queue.name)
            else:
                await delete_free(channel, queue.name, occupancy)
        except InUse as error:
            return Deleted(queue, "kept", None if self._rules.if_empty else error, str(error))
        return Deleted(queue, "deleted")

    async def _exchange(self, channel: Channel, exchange: Exchange) -> Deleted:
        if exchange.name in self._absent_exchanges:
            return Deleted(exchange, "absent")
        try:
            await channel.delete_exchange(exchange.name, if_unused=self._rules.if_unused)
        except PreconditionFailed:
            return Deleted(exchange, "kept", reason="others are bound to it")
        return Deleted(exchange, "deleted")


def _with_their_ends(bindings: Iterable[Deleted], ends: Iterable[Deleted], vhost: str) -> list[Deleted]:
    """Return what became of bindings in the end: one that could not be deleted is gone with what it led to or from."""
    gone = {
        end_of(end.object, vhost)
        for end in ends
        if end.outcome == "deleted" and isinstance(end.object, Exchange | Queue)
    }

    def is_gone(thing: Deletable) -> bool:
        return isinstance(thing, Binding) and not gone.isdisjoint(ends_of(thing, vhost))

    return [
        Deleted(each.object, "deleted") if each.outcome == "failed" and is_gone(each.object) else each
        for each in bindings
    ]
