"""What a broker holds, as a topology: read over the management API, the only way to see bindings and policies."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from amqptool.carried import MAX_DEPTH, is_too_deep
from amqptool.errors import InputError
from amqptool.topology.diff.identity import binding_key
from amqptool.topology.model import Binding, Exchange, Policy, Queue, Topology, Vhost
from amqptool.topology.names import RESERVED_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from amqptool.broker.management import Management
    from amqptool.topology.model import DestinationType

T = TypeVar("T", Exchange, Queue, Binding)


async def read_actual(management: Management, vhosts: Iterable[str]) -> Topology:
    """Return what some vhosts hold; every object names its vhost, and a vhost that does not exist holds nothing.

    Left out is what nobody declares: the predeclared exchanges, the bindings of the default exchange, and
    exclusive queues with their bindings, which live as long as the connection that has them.

    Raises:
        AccessRefused: the user may not use the management API.
        BrokerUnavailable: the management API cannot be reached.
        InputError: arguments are nested too deeply.
    """
    wanted = set(vhosts)
    existing = [vhost for vhost in await management.vhosts() if vhost["name"] in wanted]
    parts = await asyncio.gather(*(_read_vhost(management, vhost["name"]) for vhost in existing))
    return Topology(
        vhosts=tuple(map(_vhost, existing)),
        exchanges=tuple(chain.from_iterable(part.exchanges for part in parts)),
        queues=tuple(chain.from_iterable(part.queues for part in parts)),
        bindings=tuple(chain.from_iterable(part.bindings for part in parts)),
        policies=tuple(chain.from_iterable(part.policies for part in parts)),
    )


async def read_bindings(management: Management, vhost: str, thing: Exchange | Queue) -> list[Binding]:
    """Return the bindings from and to an exchange, or to a queue, but for that of the default exchange."""
    kind: DestinationType = "queue" if isinstance(thing, Queue) else "exchange"
    found = await management.bindings_of(vhost, kind, thing.name)
    return [_binding(each) for each in found if each["source"]]


async def read_binding_keys(management: Management, vhost: str, binding: Binding) -> list[str]:
    """Return the names, for the management API, of all bindings that are the given one for all that it tells.

    RabbitMQ also distinguishes widths of integers and of floats in their arguments, which JSON does not.
    """
    found = await management.bindings_between(vhost, binding.source, binding.destination_type, binding.destination)
    wanted = binding_key(binding, vhost)
    return [each["properties_key"] for each in found if binding_key(_binding(each), vhost) == wanted]


async def read_operator_policies(management: Management, vhost: str) -> list[Policy]:
    """Return the policies with which the broker's operators overrule those of its users."""
    return [_policy(each) for each in await management.operator_policies(vhost)]


async def _read_vhost(management: Management, vhost: str) -> Topology:
    exchanges, queues, bindings, policies = await asyncio.gather(
        management.exchanges(vhost), management.queues(vhost), management.bindings(vhost), management.policies(vhost)
    )
    exclusive = {queue["name"] for queue in queues if queue.get("exclusive")}
    return Topology(
        exchanges=tuple(_exchange(each) for each in exchanges if _is_declared(each)),
        queues=tuple(_queue(each) for each in queues if each["name"] not in exclusive),
        bindings=tuple(_binding(each) for each in bindings if _is_made(each, exclusive)),
        policies=tuple(map(_policy, policies)),
    )


def _is_declared(exchange: dict[str, Any]) -> bool:
    name: str = exchange["name"]
    return bool(name) and not name.startswith(RESERVED_PREFIX)


def _is_made(binding: dict[str, Any], exclusive: set[str]) -> bool:
    to_queue = binding["destination_type"] == "queue"
    return bool(binding["source"]) and not (to_queue and binding["destination"] in exclusive)


def _vhost(each: dict[str, Any]) -> Vhost:
    kind = each.get("default_queue_type")
    # An unset default was the word "undefined" in some versions.
    return Vhost(name=each["name"], default_queue_type=None if kind == "undefined" else kind)


def _exchange(each: dict[str, Any]) -> Exchange:
    return _shallow(
        Exchange(
            name=each["name"],
            type=each["type"],
            durable=each["durable"],
            auto_delete=each["auto_delete"],
            internal=each["internal"],
            arguments=each["arguments"],
            vhost=each["vhost"],
        )
    )


def _queue(each: dict[str, Any]) -> Queue:
    return _shallow(
        Queue(
            name=each["name"],
            durable=each["durable"],
            auto_delete=each["auto_delete"],
            arguments=each["arguments"],
            vhost=each["vhost"],
        )
    )


def _binding(each: dict[str, Any]) -> Binding:
    return _shallow(
        Binding(
            source=each["source"],
            destination=each["destination"],
            destination_type=each["destination_type"],
            routing_key=each["routing_key"],
            arguments=each["arguments"],
            vhost=each["vhost"],
        )
    )


def _shallow(thing: T) -> T:
    if thing.arguments and is_too_deep(thing.arguments):
        name = f"{replace(thing, arguments={})} of vhost {thing.vhost!r}"
        raise InputError(f"{name}: its arguments on the broker are nested more than {MAX_DEPTH} levels deep")
    return thing


def _policy(each: dict[str, Any]) -> Policy:
    return Policy(
        name=each["name"],
        pattern=each["pattern"],
        definition=each["definition"],
        apply_to=each["apply-to"],
        priority=each["priority"],
        vhost=each["vhost"],
    )
