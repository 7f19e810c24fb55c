"""What one file says, as far as it was read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from amqptool.topology.names import RESERVED_PREFIX
from amqptool.topology.problems import Problems

if TYPE_CHECKING:
    from amqptool.topology.described import DescribedMessage
    from amqptool.topology.file.nodes import Scalar
    from amqptool.topology.file.queues import QueueDraft
    from amqptool.topology.model import Binding, Exchange, LeftOut, Policy, RoutingTest, Unmanaged, Vhost


@dataclass(slots=True)
class Draft:
    """What one file says, in its order; nobody has looked at the whole yet."""

    file: str
    #: JSON: RabbitMQ's own form, in which whatever RabbitMQ would import is taken as it is.
    exported: bool = False
    problems: Problems = field(default_factory=Problems)
    #: The file could not be read to its end.
    broken: bool = False
    #: The keys at its top.
    keys: dict[str, Scalar] = field(default_factory=dict)
    vhosts: list[Vhost] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    queues: list[QueueDraft] = field(default_factory=list)
    bindings: list[Binding] = field(default_factory=list)
    policies: list[Policy] = field(default_factory=list)
    messages: list[DescribedMessage] = field(default_factory=list)
    tests: list[RoutingTest] = field(default_factory=list)
    unmanaged: list[Unmanaged] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    #: The queues among what was left out, by name.
    absent: set[str] = field(default_factory=set)
    #: The default queue type that an export of one vhost names for its queues.
    default_type: str | None = None

    @property
    def has_version(self) -> bool:
        """Whether it says which RabbitMQ wrote it."""
        return "rabbit_version" in self.keys or "rabbitmq_version" in self.keys

    def may_lack(self, kind: str, name: str) -> bool:
        """Return whether it is no mistake if a file that names an exchange or a queue does not declare it.

        A broker's own export lacks some; a listing, or what people write in JSON, only what was left out of it.
        """
        if self.has_version:
            return True
        return kind == "queue" and (name in self.absent or name.startswith(RESERVED_PREFIX))
