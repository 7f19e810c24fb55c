"""What was read of all files so far, and how it becomes one topology."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from amqptool.topology.check import check
from amqptool.topology.expand import expand
from amqptool.topology.file import merge
from amqptool.topology.model import Topology
from amqptool.topology.problems import Problems

if TYPE_CHECKING:
    from collections.abc import Iterable

    from amqptool.topology.expand import Key, Places
    from amqptool.topology.file.queues import QueueDraft
    from amqptool.topology.model import Binding, Exchange, Policy, Queue, RoutingTest, Unmanaged, Vhost


@dataclass(slots=True)
class Draft:
    """What was read so far, in the order of the files."""

    problems: Problems = field(default_factory=Problems)
    vhosts: list[Vhost] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    queues: list[QueueDraft] = field(default_factory=list)
    bindings: list[Binding] = field(default_factory=list)
    policies: list[Policy] = field(default_factory=list)
    tests: list[RoutingTest] = field(default_factory=list)
    unmanaged: list[Unmanaged] = field(default_factory=list)
    #: The default queue type that an export of one vhost names for its queues, by file.
    default_types: dict[str, str] = field(default_factory=dict)

    def finish(self) -> Topology:
        """Merge what several files say, check the whole and return it.

        Raises:
            TopologyError: there are problems, of the files or of the whole.
        """
        vhosts = merge.vhosts(self.vhosts, self.problems)
        queues = merge.named("queue", self._settled(vhosts), self.problems)
        topology = Topology(
            vhosts=vhosts,
            exchanges=merge.named("exchange", self.exchanges, self.problems),
            queues=expand(queues, self._failures(), self.problems),
            bindings=merge.bindings(self.bindings, self.problems),
            policies=merge.named("policy", self.policies, self.problems),
            tests=tuple(self.tests),
            unmanaged=tuple(self.unmanaged),
        )
        check(topology, self.problems)
        self.problems.raise_if_any()
        return topology

    def _settled(self, vhosts: Iterable[Vhost]) -> list[Queue]:
        """Return the queues, each of the type that its vhost gives it."""
        defaults = {vhost.name: vhost.default_queue_type for vhost in vhosts}
        settled: list[Queue] = []
        for draft in self.queues:
            vhost, file = draft.queue.vhost, draft.queue.place.file
            default = self.default_types.get(file) if vhost is None else defaults.get(vhost)
            settled.append(draft.settle(default))
        return settled

    def _failures(self) -> dict[Key, Places]:
        """Return where queues say what becomes of their failed messages."""
        places: dict[Key, Places] = {}
        for draft in self.queues:
            if draft.failures is not None:
                places.setdefault((draft.queue.vhost, draft.queue.name), draft.failures)
        return places
