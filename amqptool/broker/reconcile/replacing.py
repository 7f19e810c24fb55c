"""Deleting a queue or an exchange and declaring it anew, with all its bindings, whoever made them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from amqptool.broker.actual import read_bindings
from amqptool.broker.lanes import in_lanes
from amqptool.broker.occupancy import delete_free, occupancies
from amqptool.broker.reconcile.calls import declare_each, delete_one
from amqptool.broker.reconcile.outcome import Declared, conflict, failure
from amqptool.broker.reconcile.standins import PREFIX, kept, restored, stand_ins
from amqptool.errors import AmqptoolError, InUse
from amqptool.retry import fitting
from amqptool.topology.model import Binding, Exchange, Queue

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from amqptool.broker.amqp import Connection
    from amqptool.broker.management import Management
    from amqptool.broker.occupancy import Occupancy
    from amqptool.broker.reconcile.permits import Permits
    from amqptool.topology.diff import Change
    from amqptool.topology.model import Topology, TopologyObject


class Replacing:
    """Replacing in one vhost; `actual` is what was there when the plan was made."""

    def __init__(self, connection: Connection, management: Management, actual: Topology, permits: Permits) -> None:
        self._connection = connection
        self._management = management
        self._vhost = connection.url.vhost
        self._queues = {each.name for each in actual.queues if each.vhost == self._vhost}
        self._left = [each for each in actual.bindings if each.vhost == self._vhost and _is_kept(each)]
        self._permits = permits

    async def replace(self, change: Change) -> Declared:
        """Replace one queue or exchange, unless that is not permitted or would lose messages or bindings."""
        if not isinstance(change.after, Exchange | Queue):
            raise TypeError("only exchanges and queues are replaced")
        if not self._permits.replace:
            return conflict(change, f"; {change.hint}" if change.hint else "")
        try:
            return await self._replace(change.after, change)
        except InUse as error:
            return Declared(change.after, error, "kept", change.differences)
        except AmqptoolError as error:
            return failure(change.after, error)

    async def restore(self, things: Iterable[Exchange | Queue]) -> list[Declared]:
        """Give things the bindings that a replacement before this one, which was cut off, has left on stand-ins.

        Returned are the things of which that failed.
        """
        failures: list[Declared] = []
        for thing in things if self._left else ():
            bindings = restored(self._left, thing)
            try:
                await self._each(bindings)
                await self._delete(stand_ins(thing) if bindings else ())
            except AmqptoolError as error:
                failures.append(failure(thing, error))
        return failures

    async def _replace(self, thing: Exchange | Queue, change: Change) -> Declared:
        occupancy = await self._occupancy(thing)
        if occupancy is not None and not occupancy.is_free:
            raise InUse(f"it {occupancy}; {_way_out(occupancy)}")
        bindings = await read_bindings(self._management, self._vhost, thing)
        self._check_restorable(bindings)
        await self._rehearse(thing)
        await self._each(stand_ins(thing))
        await self._each(kept(bindings, thing))
        await self._delete_unless_in_use(thing, occupancy)
        await self._each([thing])
        await self._each([*bindings, *restored(self._left, thing)])
        await self._delete(stand_ins(thing))
        return Declared(thing, None, "replaced", change.differences)

    async def _occupancy(self, thing: Exchange | Queue) -> Occupancy | None:
        """Ask what is in a queue, unless that does not matter."""
        if isinstance(thing, Exchange) or self._permits.delete_messages:
            return None
        return (await occupancies(self._connection, self._management, [thing.name])).get(thing.name)

    async def _delete_unless_in_use(self, thing: Exchange | Queue, occupancy: Occupancy | None) -> None:
        if occupancy is None:
            await self._delete([thing])
            return
        try:
            await delete_free(await self._connection.channel(), thing.name, occupancy)
        except InUse:
            await self._delete(stand_ins(thing))
            raise

    def _check_restorable(self, bindings: Sequence[Binding]) -> None:
        queues = [each.destination for each in bindings if each.destination_type == "queue"]
        exclusive = [name for name in queues if name not in self._queues]
        if exclusive:
            raise InUse(
                f"queue {exclusive[0]!r} is bound to it, exclusive to a connection that alone can bind it again"
            )

    async def _rehearse(self, thing: Exchange | Queue) -> None:
        """Declare it under another name first: what the broker refuses must not cost what is there."""
        rehearsal = replace(thing, name=fitting(f"{PREFIX}rehearsal.{thing.name}", ""))
        await self._delete([rehearsal])
        await self._each([rehearsal])
        await self._delete([rehearsal])

    async def _each(self, things: Sequence[TopologyObject]) -> None:
        for error in await declare_each(self._connection, things):
            if error is not None:
                raise error

    async def _delete(self, things: Sequence[TopologyObject]) -> None:
        for error in await in_lanes(self._connection, things, delete_one):
            if error is not None:
                raise error


def _way_out(occupancy: Occupancy) -> str:
    holds_some = occupancy.ready or occupancy.unacked
    migrates = "--migrate keeps them, " if holds_some and occupancy.queue_type != "stream" else ""
    return f"{migrates}--delete-messages replaces it all the same"


def _is_kept(binding: Binding) -> bool:
    return binding.source.startswith(PREFIX) or binding.destination.startswith(PREFIX)
