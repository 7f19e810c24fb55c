"""The steps of a migration, each of which can be the last one of a process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from amqptool.broker.actual import read_bindings, read_operator_policies
from amqptool.broker.amqp import connect
from amqptool.broker.occupancy import occupancies
from amqptool.broker.unbinding import unbind
from amqptool.errors import AccessRefused, InputError, InUse, NotFound
from amqptool.migrate import refusals
from amqptool.migrate.lock import only_migration
from amqptool.migrate.moving import Route, move
from amqptool.migrate.state import find_goal, read_state
from amqptool.migrate.temporary import rehearsal_name, temporary_name, temporary_queue
from amqptool.topology.model import Queue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from amqptool.broker.amqp import Channel, Connection
    from amqptool.broker.management import Management
    from amqptool.broker.occupancy import Occupancy
    from amqptool.migrate.state import Goal, State
    from amqptool.settings.url import AmqpUrl
    from amqptool.topology.model import Binding, Topology

#: Seconds to wait for what a process that has just died leaves behind: its lock, its un-acked messages.
_AFTERMATH = 5.0
_RETRY = 0.1
#: How often bindings are moved that come back.
_ROUNDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrated:
    """What a migration did."""

    queue: str
    #: The properties that were changed, by name; none if the queue was as it should be.
    changed: tuple[str, ...] = ()
    #: Messages moved, both ways together.
    moved: int = 0
    #: Whether an earlier migration had begun it.
    resumed: bool = False


async def migrate(
    url: AmqpUrl,
    topology: Topology,
    queue: str,
    management: Management,
    *,
    force: bool = False,
    on_progress: Callable[[str], None] = lambda _: None,
) -> Migrated:
    """Give a queue that holds messages the properties that the topology wants it to have.

    Every message stays in the queue, or comes back to it, under its id; one that arrives meanwhile may be there
    twice, and their order is not kept. Started again after it was killed, it goes on where it was. `on_progress`
    is told each step that was done. `force` takes the risk that somebody publishes to the queue by its name.

    Raises:
        InputError: the topology has no such queue, or it is of a kind that cannot be migrated.
        InUse: the queue has consumers or un-acked messages, or the new one could lose some; nothing was changed
            unless this comes up while messages move: then starting again continues.
        BrokerError: the broker or the management API refused something, or cannot be reached.
        PublishError: the broker did not take a message; it is still where it was.
    """
    goal = find_goal(topology, queue, url.vhost)
    url = replace(url, vhost=goal.queue.vhost or url.vhost)
    async with connect(url, name="amqptool migrate") as connection, only_migration(connection, queue):
        return await _Migration(connection, management, goal, force, on_progress).run()


class _Migration:
    """One run, which begins wherever the last one ended."""

    def __init__(
        self,
        connection: Connection,
        management: Management,
        goal: Goal,
        force: bool,
        on_progress: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self._management = management
        self._goal = goal
        self._force = force
        self._told = on_progress
        self._vhost = connection.url.vhost
        self._name = goal.queue.name
        self._temporary = temporary_name(self._name)
        self._moved = 0
        self._channel: Channel

    async def run(self) -> Migrated:
        """Do what is left to do."""
        self._channel = await self._connection.channel()
        state = await read_state(self._management, self._goal)
        if state.is_done:
            return Migrated(queue=self._name)
        if state.queue is None and state.temporary is None:
            raise await self._absence()
        temporary = state.temporary or await self._planned(state)
        if state.queue is not None and state.is_old:
            await self._check(state, temporary)
            if state.temporary is None:
                await self._begin(temporary)
            await self._empty(state.queue)
        await self._fill(temporary)
        return Migrated(
            queue=self._name,
            changed=tuple(each.property for each in state.differences),
            moved=self._moved,
            resumed=state.temporary is not None,
        )

    async def _absence(self) -> InputError:
        try:
            await self._channel.check_queue(self._name)
        except AccessRefused:
            return InputError(f"queue {self._name} cannot be migrated: it is exclusive to another connection")
        except NotFound:
            pass
        return InputError(f"queue {self._name} is not on the broker: declare the file without --migrate")

    async def _planned(self, state: State) -> Queue:
        version = str((await self._management.overview())["rabbitmq_version"])
        return temporary_queue(self._goal.queue, state.queue_type, rabbitmq=int(version.split(".")[0]))

    async def _check(self, state: State, temporary: Queue) -> None:
        """Refuse what would lose messages."""
        refusals.check_kind(state)
        refusals.check_bindings(state)
        occupancy = await self._settled(self._name, wait=state.temporary is not None)
        refusals.check_occupancy(self._name, occupancy)
        statistics = await self._management.queue(self._vhost, self._name)
        refusals.check_length(self._goal.queue, occupancy.ready)
        refusals.check_size(self._goal.queue, occupancy.ready, statistics.get("message_bytes"))
        if not self._force:
            refusals.check_default_exchange(state, statistics)
        operators = await read_operator_policies(self._management, self._vhost)
        refusals.check_policies(temporary, state.actual.policies, operators)

    # -- there --

    async def _begin(self, temporary: Queue) -> None:
        """Declare the temporary queue, once the broker has taken the new properties in a rehearsal."""
        rehearsal = rehearsal_name(self._name)
        await self._channel.delete_queue(rehearsal)
        await self._declare(replace(self._goal.queue, name=rehearsal))
        await self._channel.delete_queue(rehearsal)
        await self._declare(temporary)
        self._told(f"declared {temporary}")

    async def _empty(self, old: Queue) -> None:
        """Let the temporary queue take over everything, and delete the old one."""
        await self._hand_over(self._name, self._temporary)
        await self._move(old, self._temporary)
        await self._channel.delete_queue(self._name)
        self._told(f"deleted {old}")

    # -- and back --

    async def _fill(self, temporary: Queue) -> None:
        """Let the new queue take back everything, and delete the temporary one."""
        new = self._goal.queue
        await self._declare(new)
        self._told(f"declared {new}")
        await self._bind(self._name, self._goal.bindings)
        await self._hand_over(self._temporary, self._name)
        waiting = await self._settled(self._temporary, wait=True)
        refusals.check_length(new, waiting.ready)
        await self._move(temporary, self._name)
        await self._channel.delete_exchange(self._temporary)
        self._told(f"deleted exchange {self._temporary}")
        await self._channel.delete_queue(self._temporary)
        self._told(f"deleted {temporary}")

    async def _declare(self, queue: Queue) -> None:
        await self._channel.declare_queue(
            queue.name, durable=queue.durable, auto_delete=queue.auto_delete, arguments=queue.arguments
        )

    # -- bindings --

    async def _hand_over(self, giver: str, taker: str) -> None:
        """Bind one queue as the other is, then unbind that: at any time a message finds one of them."""
        for _ in range(_ROUNDS):
            bindings = await self._bindings_of(giver)
            if not bindings:
                return
            await self._bind(taker, bindings)
            for each in bindings:
                await unbind(self._channel, self._management, self._vhost, each)
                self._told(f"unbound {giver} from {each.source}")
        raise InUse(f"{bindings[0]} does not go away: somebody binds it again")

    async def _bind(self, queue: str, bindings: Sequence[Binding]) -> None:
        for each in bindings:
            await self._channel.bind_queue(each.source, queue, each.routing_key, each.arguments)
            self._told(f"bound {queue} to {each.source}")

    async def _bindings_of(self, queue: str) -> list[Binding]:
        """Return a queue's bindings, but for that of our own exchange."""
        bindings = await read_bindings(self._management, self._vhost, Queue(name=queue))
        return [each for each in bindings if each.source != self._temporary]

    # -- messages --

    async def _move(self, source: Queue, target: str) -> None:
        """Move messages until the source is surely empty."""
        # It may be there, and lead to the other queue.
        await self._channel.delete_exchange(self._temporary)
        await self._channel.declare_exchange(self._temporary, "fanout")
        await self._channel.bind_queue(self._temporary, target, "")
        self._told(f"let exchange {self._temporary} lead to {target}")
        route = Route(source=source, target=target, via=self._temporary)
        while True:
            self._moved += await move(self._connection.url, route, self._told)
            occupancy = await self._settled(source.name, wait=True)
            if occupancy.is_free:
                return
            if not occupancy.ready:
                refusals.check_occupancy(source.name, occupancy)

    async def _settled(self, name: str, *, wait: bool) -> Occupancy:
        """Ask what is in a queue; `wait` until what a lost connection, or our last ack, leaves behind is settled."""
        deadline = asyncio.get_running_loop().time() + (_AFTERMATH if wait else 0)
        while True:
            found = await occupancies(self._connection, self._management, [name])
            if name not in found:
                raise NotFound(f"queue {name} was deleted meanwhile")
            occupancy = found[name]
            in_hand = occupancy.consumers or occupancy.unacked
            if not in_hand or asyncio.get_running_loop().time() > deadline:
                return occupancy
            await asyncio.sleep(_RETRY)
