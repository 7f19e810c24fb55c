"""What a user may do to the objects of a topology.

Only administrators can read permissions, so each right is tried: by requests that RabbitMQ refuses or ignores
after it has checked the right, whether or not the object is there, and that change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias
from uuid import uuid4

from amqptool.broker.doctor.step import Step, failed, not_asked
from amqptool.broker.doctor.words import listed
from amqptool.broker.lanes import in_lanes
from amqptool.errors import AccessRefused, BrokerUnavailable
from amqptool.topology.model import Binding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from amqptool.broker.amqp import Channel, Connection
    from amqptool.topology.model import Exchange, Queue, Topology

_ADVICE = (
    "`rabbitmqctl set_permissions -p VHOST USER CONFIGURE WRITE READ`; the README (Security) says what commands need"
)

Right: TypeAlias = Literal["configure", "write", "read"]


@dataclass(frozen=True, slots=True)
class Need:
    """A right on an exchange or a queue."""

    right: Right
    kind: Literal["exchange", "queue"]
    name: str
    #: With `read` on an exchange: a binding that takes it.
    binding: Binding | None = None

    def __str__(self) -> str:
        return f"{self.right} on {self.kind} {self.name!r}"


async def check_rights(connection: Connection, topology: Topology | None, purposes: Sequence[str]) -> Step:
    """Try what the user needs for the topology: to `declare` it, to `publish` to it, to `consume` from it.

    Raises:
        BrokerUnavailable: the connection was lost meanwhile.
    """
    if topology is None:
        return not_asked("rights", "no topology file was named")
    vhost = connection.url.vhost
    wanted = list(dict.fromkeys(_needs(topology, purposes, vhost)))
    if not wanted:
        return not_asked("rights", "the files hold nothing for this vhost that takes a right")
    errors = await in_lanes(connection, wanted, _try)
    for error in errors:
        if isinstance(error, BrokerUnavailable):
            raise error
    missing = {str(need): None for need, error in zip(wanted, errors, strict=True) if _is_about(error, need)}
    who, purpose = connection.url.who, ", ".join(purposes)
    if missing:
        return failed("rights", AccessRefused(f"{who} lacks {listed(list(missing))} (to {purpose})"), _ADVICE)
    return Step(name="rights", told=f"{who} has all {len(set(map(str, wanted))):,} that it takes (to {purpose})")


def _needs(topology: Topology, purposes: Sequence[str], vhost: str) -> Iterator[Need]:
    exchanges = [each for each in topology.exchanges if each.vhost in (None, vhost)]
    queues = [each for each in topology.queues if each.vhost in (None, vhost)]
    if "declare" in purposes:
        yield from (Need("configure", "exchange", exchange.name) for exchange in exchanges)
        yield from (Need("configure", "queue", queue.name) for queue in queues)
        yield from _to_pass_on(exchanges, queues)
        yield from _to_bind(each for each in topology.bindings if each.vhost in (None, vhost))
    if "publish" in purposes:
        yield from (Need("write", "exchange", exchange.name) for exchange in exchanges)
    if "consume" in purposes:
        yield from (Need("read", "queue", queue.name) for queue in queues if queue.implied_by is None)


def _to_pass_on(exchanges: Iterable[Exchange], queues: Iterable[Queue]) -> Iterator[Need]:
    """Yield what it takes to declare that messages go on elsewhere, as unroutable ones or as dead letters do."""
    for exchange in exchanges:
        alternate = exchange.arguments.get("alternate-exchange")
        if isinstance(alternate, str):
            going_on = Binding(source=exchange.name, destination=alternate, destination_type="exchange")
            yield from _to_bind([going_on])
    for queue in queues:
        target = queue.arguments.get("x-dead-letter-exchange")
        if isinstance(target, str):
            yield Need("read", "queue", queue.name)
        if isinstance(target, str) and target:
            yield Need("write", "exchange", target)


def _to_bind(bindings: Iterable[Binding]) -> Iterator[Need]:
    for binding in bindings:
        yield Need("write", binding.destination_type, binding.destination)
        yield Need("read", "exchange", binding.source, binding)


async def _try(channel: Channel, need: Need) -> None:
    """Make a request that takes the right; only its refusal tells anything."""
    match need.right, need.kind:
        case "configure", "queue":  # a time to live below zero is always refused
            await channel.declare_queue(need.name, arguments={"x-message-ttl": -1})
        case "configure", _:  # as is an alternate exchange that is a number
            await channel.declare_exchange(need.name, "direct", arguments={"alternate-exchange": 1})
        case "read", "queue":
            await channel.check_readable(need.name)
        case "write", "queue":  # a binding that nobody has made
            await channel.unbind_queue(_other(need.name), need.name, str(uuid4()))
        case "write", _:
            await channel.unbind_exchange(_other(need.name), need.name, str(uuid4()))
        case _:
            await _unbind(channel, need.binding)


async def _unbind(channel: Channel, binding: Binding | None) -> None:
    """Take away a binding from the same exchange, to a destination that may be written to, that nobody has made."""
    if binding is not None:
        unbind = channel.unbind_queue if binding.destination_type == "queue" else channel.unbind_exchange
        await unbind(binding.source, binding.destination, str(uuid4()))


def _other(exchange: str) -> str:
    return "amq.fanout" if exchange == "amq.direct" else "amq.direct"


def _is_about(error: Exception | None, need: Need) -> bool:
    """Whether a refusal is about this right: a request may take another one, too."""
    return isinstance(error, AccessRefused) and f"permission on {need.kind} {need.name!r} " in str(error)
