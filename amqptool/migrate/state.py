"""How far a migration is, read from the broker."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from amqptool.broker.actual import read_actual
from amqptool.errors import InputError
from amqptool.migrate.temporary import temporary_name
from amqptool.topology.diff import diff
from amqptool.topology.model import Queue, Topology
from amqptool.topology.policies import Policies

if TYPE_CHECKING:
    from amqptool.broker.management import Management
    from amqptool.topology.diff import Difference
    from amqptool.topology.model import Binding


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """The queue that is to be, and the bindings that the file gives it."""

    queue: Queue
    bindings: tuple[Binding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What there is of the queue and of its migration."""

    goal: Goal
    #: The goal's type: the file's, or the vhost's default.
    queue_type: str
    #: The queue as the broker holds it; None: it is not there.
    queue: Queue | None
    #: The temporary queue; None: it is not there.
    temporary: Queue | None
    #: What differs between the queue and the goal.
    differences: tuple[Difference, ...]
    #: Everything in the vhost.
    actual: Topology

    @property
    def is_old(self) -> bool:
        """Whether the queue is there and not yet as it should be."""
        return self.queue is not None and bool(self.differences)

    @property
    def is_done(self) -> bool:
        """Whether the queue is as it should be, and no messages wait elsewhere."""
        return self.queue is not None and not self.differences and self.temporary is None


def find_goal(topology: Topology, name: str, vhost: str) -> Goal:
    """Return the queue of this name with its vhost; of several, the one in `vhost`.

    Raises:
        InputError: the topology has no such queue, or has it in several other vhosts.
    """
    found = [replace(queue, vhost=queue.vhost or vhost) for queue in topology.queues if queue.name == name]
    queues = found if len(found) == 1 else [queue for queue in found if queue.vhost == vhost]
    if not queues:
        where = f"several vhosts, but not in {vhost}: name one in the URL" if found else "none of the files"
        raise InputError(f"queue {name} is in {where}")
    home = queues[0].vhost
    bindings = (
        binding
        for binding in topology.bindings
        if (binding.destination_type, binding.destination, binding.vhost or vhost) == ("queue", name, home)
    )
    return Goal(queue=queues[0], bindings=tuple(bindings))


async def read_state(management: Management, goal: Goal) -> State:
    """Compare the goal with the broker."""
    vhost = goal.queue.vhost or ""
    actual = await read_actual(management, [vhost])
    held = {queue.name: queue for queue in actual.queues}
    changes = diff(Topology(queues=(goal.queue,)), actual, vhost=vhost).changes
    differences = next((change.differences for change in changes if isinstance(change.after, Queue)), ())
    return State(
        goal=goal,
        queue_type=Policies(actual).queue_type(goal.queue),
        queue=held.get(goal.queue.name),
        temporary=held.get(temporary_name(goal.queue.name)),
        differences=differences,
        actual=actual,
    )
