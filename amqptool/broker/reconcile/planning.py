"""What differs between a topology and a broker."""

from __future__ import annotations

import asyncio
from itertools import chain
from typing import TYPE_CHECKING

from amqptool.broker.actual import read_actual, read_operator_policies
from amqptool.topology.diff import diff
from amqptool.topology.diff.identity import vhosts_of

if TYPE_CHECKING:
    from amqptool.broker.management import Management
    from amqptool.topology.diff import Ownership, Plan
    from amqptool.topology.model import Topology


async def make_plan(management: Management, topology: Topology, *, vhost: str, prune: Ownership | None = None) -> Plan:
    """Return the changes that would make the broker match a topology.

    `vhost` is that of objects that name none; deleted would be only what `prune` owns.

    Raises:
        AccessRefused: the user may not use the management API.
        BrokerUnavailable: the management API cannot be reached.
    """
    actual = await read_actual(management, vhosts_of(topology, vhost))
    of_each = await asyncio.gather(*(read_operator_policies(management, each.name) for each in actual.vhosts))
    return diff(topology, actual, vhost=vhost, prune=prune, operator_policies=[*chain.from_iterable(of_each)])
