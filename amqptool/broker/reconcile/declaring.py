"""Declaring everything over AMQP alone, which tells what could not be declared, and not what was there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from amqptool.broker.amqp import connect
from amqptool.broker.reconcile.calls import declare_each
from amqptool.broker.reconcile.outcome import Declared, failure
from amqptool.errors import AmqptoolError, BrokerUnavailable
from amqptool.topology.diff.identity import by_vhost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.broker.amqp import Connection
    from amqptool.settings.url import AmqpUrl
    from amqptool.topology.model import Topology, TopologyObject


async def declare(url: AmqpUrl, topology: Topology) -> list[Declared]:
    """Declare everything in a topology, exchanges first, then queues, then bindings.

    What cannot be declared does not keep the rest from it; declaring again changes nothing. Objects
    without a vhost of their own go to the URL's. Policies fail: they need the management API.

    Raises:
        BrokerUnavailable: the broker could not be reached in the first place.
        AccessRefused: the broker refused the credentials or a vhost.
    """
    outcomes: list[Declared] = []
    for vhost, part in by_vhost(topology, url.vhost).items():
        try:
            async with connect(replace(url, vhost=vhost), name="amqptool declare") as connection:
                outcomes += await _declare_in(connection, part)
        except AmqptoolError as error:
            if not outcomes:
                raise
            things: list[TopologyObject] = [*part.exchanges, *part.queues, *part.bindings]
            outcomes += [failure(thing, error) for thing in things]
    refused = BrokerUnavailable("policies are set over the management API only")
    return outcomes + [failure(policy, refused) for policy in topology.policies]


async def _declare_in(connection: Connection, part: Topology) -> list[Declared]:
    outcomes: list[Declared] = []
    stages: tuple[Sequence[TopologyObject], ...] = (part.exchanges, part.queues, part.bindings)
    for things in stages:
        errors = await declare_each(connection, things)
        pairs = zip(things, errors, strict=True)
        outcomes += [Declared(thing) if error is None else failure(thing, error) for thing, error in pairs]
    return outcomes
