"""Carrying out a plan: every change on its own, so that one that fails does not keep the rest from it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from amqptool.broker.amqp import connect
from amqptool.broker.lanes import in_lanes
from amqptool.broker.occupancy import delete_free, occupancies
from amqptool.broker.reconcile.calls import declare_each, delete_one
from amqptool.broker.reconcile.outcome import Declared, failure
from amqptool.broker.reconcile.replacing import Replacing
from amqptool.broker.reconcile.standins import PREFIX
from amqptool.broker.unbinding import unbind
from amqptool.errors import AccessRefused, AmqptoolError, InUse, ManagementError
from amqptool.topology.diff import Action
from amqptool.topology.diff.identity import by_vhost
from amqptool.topology.model import Binding, Exchange, Policy, Queue, Topology, Vhost

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from amqptool.broker.amqp import Channel, Connection
    from amqptool.broker.management import Management
    from amqptool.broker.occupancy import Occupancy
    from amqptool.broker.reconcile.permits import Permits
    from amqptool.settings.url import AmqpUrl
    from amqptool.topology.diff import Change, Plan
    from amqptool.topology.model import TopologyObject

_NOT_FOUND = 404


async def apply(
    url: AmqpUrl, management: Management, desired: Topology, plan: Plan, actual: Topology, permits: Permits
) -> list[Declared]:
    """Make the changes of a plan, as far as permitted; return one outcome for each, and for what needed none.

    Raises:
        BrokerUnavailable: the broker could not be reached in the first place.
        AccessRefused: the broker refused the credentials or the vhost in the first place.
    """
    outcomes = await _Application(url, management, desired, actual, permits).run(plan.changes)
    return outcomes + [Declared(thing, None, "unchanged") for thing in plan.unchanged]


class _Application:
    def __init__(
        self, url: AmqpUrl, management: Management, desired: Topology, actual: Topology, permits: Permits
    ) -> None:
        self._url = url
        self._management = management
        self._desired = desired
        self._actual = actual
        self._permits = permits
        self._outcomes: dict[int, Declared] = {}
        self._failures: list[Declared] = []

    async def run(self, changes: Sequence[Change]) -> list[Declared]:
        """Make all changes; the outcomes are in their order."""
        absent = await self._vhosts([change for change in changes if isinstance(change.object, Vhost)])
        for vhost, part in self._by_vhost(changes).items():
            if vhost in absent:
                self._skip(part, absent[vhost])
            else:
                await self._in_vhost(vhost, part)
        return [self._outcomes[id(change)] for change in changes] + self._failures

    def _by_vhost(self, changes: Sequence[Change]) -> dict[str, list[Change]]:
        """Return what is to be done in each vhost, and where something is left to be restored."""
        left = [each.vhost or "" for each in self._actual.exchanges if each.name.startswith(PREFIX)]
        parts: dict[str, list[Change]] = {vhost: [] for vhost in left}
        for change in changes:
            if not isinstance(change.object, Vhost):
                parts.setdefault(change.vhost, []).append(change)
        return parts

    def _skip(self, changes: Iterable[Change], error: AmqptoolError) -> None:
        self._outcomes |= {id(change): Declared(change.object, error, "skipped") for change in changes}

    def _fail(self, changes: Iterable[Change], error: AmqptoolError) -> None:
        self._outcomes |= {id(change): failure(change.object, error) for change in changes}

    async def _vhosts(self, changes: Iterable[Change]) -> dict[str, AmqptoolError]:
        """Create vhosts; return those that are not there, and why."""
        absent: dict[str, AmqptoolError] = {}
        for change in changes:
            if isinstance(change.object, Vhost):
                created = self._outcomes[id(change)] = await self._vhost(change.object)
                if created.error is not None:
                    absent[change.object.name] = created.error
        return absent

    async def _vhost(self, vhost: Vhost) -> Declared:
        if not self._permits.create_vhosts:
            message = f"vhost {vhost.name!r} does not exist, or its user may not use it; --create-vhosts creates it"
            return failure(vhost, AccessRefused(message))
        try:
            await self._management.create_vhost(vhost.name, default_queue_type=vhost.default_queue_type)
        except AmqptoolError as error:
            return failure(vhost, error)
        return Declared(vhost, None, "created")

    async def _in_vhost(self, vhost: str, changes: Sequence[Change]) -> None:
        by_kind = {
            kind: [change for change in changes if isinstance(change.object, Policy) == kind] for kind in (False, True)
        }
        policies, others = by_kind[True], by_kind[False]
        try:
            async with connect(replace(self._url, vhost=vhost), name="amqptool declare") as connection:
                steps = _Steps(connection, self._management, self._actual, self._permits)
                self._outcomes |= await steps.declare([each for each in others if each.action is not Action.DELETE])
                self._failures += await steps.restore(by_vhost(self._desired, self._url.vhost).get(vhost, Topology()))
                self._outcomes |= await self._policies(policies)
                self._outcomes |= await steps.delete([each for each in others if each.action is Action.DELETE])
        except AmqptoolError as error:
            if not self._outcomes:
                raise
            self._fail([change for change in changes if id(change) not in self._outcomes], error)

    async def _policies(self, changes: Iterable[Change]) -> dict[int, Declared]:
        return {id(change): await self._policy(change) for change in changes}

    async def _policy(self, change: Change) -> Declared:
        policy = change.object
        if not isinstance(policy, Policy):
            raise TypeError("a policy is expected")
        try:
            if change.action is Action.DELETE:
                await self._delete_policy(policy)
                return Declared(policy, None, "deleted")
            await self._management.put_policy(
                policy.vhost or self._url.vhost,
                policy.name,
                pattern=policy.pattern,
                definition=policy.definition,
                apply_to=policy.apply_to,
                priority=policy.priority,
            )
        except AmqptoolError as error:
            return failure(policy, error)
        return Declared(policy, None, "created" if change.before is None else "updated", change.differences)

    async def _delete_policy(self, policy: Policy) -> None:
        try:
            await self._management.delete_policy(policy.vhost or self._url.vhost, policy.name)
        except ManagementError as error:
            if error.reply_code != _NOT_FOUND:  # somebody else has deleted it
                raise


class _Steps:
    """What is done over one connection, in the order in which objects need each other."""

    def __init__(self, connection: Connection, management: Management, actual: Topology, permits: Permits) -> None:
        self._connection = connection
        self._management = management
        self._permits = permits
        self._replacing = Replacing(connection, management, actual, permits)

    async def declare(self, changes: Sequence[Change]) -> dict[int, Declared]:
        """Create and replace: exchanges, then queues, then bindings."""
        outcomes: dict[int, Declared] = {}
        for kind in (Exchange, Queue, Binding):
            part = [change for change in changes if isinstance(change.object, kind)]
            outcomes |= await self._create([change for change in part if change.action is Action.CREATE])
            for change in part:
                if change.action is Action.REPLACE:
                    outcomes[id(change)] = await self._replacing.replace(change)
        return outcomes

    async def restore(self, desired: Topology) -> list[Declared]:
        """Complete what a replacement that was cut off has left; see `Replacing.restore`."""
        return await self._replacing.restore([*desired.exchanges, *desired.queues])

    async def delete(self, changes: Sequence[Change]) -> dict[int, Declared]:
        """Delete: bindings, then queues, then exchanges."""
        outcomes: dict[int, Declared] = {}
        for kind in (Binding, Queue, Exchange):
            part = [change for change in changes if isinstance(change.object, kind)]
            occupied = await self._occupancies(part) if kind is Queue else {}
            results = await in_lanes(self._connection, part, partial(self._delete, occupied))
            for change, error in zip(part, results, strict=True):
                outcomes[id(change)] = _deleted(change.object, error)
        return outcomes

    async def _occupancies(self, changes: Sequence[Change]) -> Mapping[str, Occupancy]:
        """Ask what is in queues that are to be deleted, unless that does not matter."""
        names = [change.object.name for change in changes if isinstance(change.object, Queue)]
        if not names or self._permits.delete_messages:
            return {}
        return await occupancies(self._connection, self._management, names)

    async def _delete(self, occupied: Mapping[str, Occupancy], channel: Channel, change: Change) -> None:
        thing = change.object
        if isinstance(thing, Binding):
            await unbind(channel, self._management, self._connection.url.vhost, thing)
        elif isinstance(thing, Queue) and thing.name in occupied:
            await delete_free(channel, thing.name, occupied[thing.name])
        else:
            await delete_one(channel, thing)

    async def _create(self, changes: Sequence[Change]) -> dict[int, Declared]:
        errors = await declare_each(self._connection, [change.object for change in changes])
        return {
            id(change): Declared(change.object, None, "created") if error is None else failure(change.object, error)
            for change, error in zip(changes, errors, strict=True)
        }


def _deleted(thing: TopologyObject, error: AmqptoolError | None) -> Declared:
    if isinstance(error, InUse):
        return Declared(thing, error, "kept")
    return Declared(thing, None, "deleted") if error is None else failure(thing, error)
