"""Planning and declaring in a program."""

from __future__ import annotations

import asyncio

import pytest

from amqptool import AmqpUrl, ConfigError, Ownership, Permits, Topology, declare, plan
from amqptool.broker.local import Endpoint
from tests.support.broker import queue_length
from tests.support.etcd import PrivateEtcd

TOPOLOGY = Topology.parse(
    "queues: {jobs: {max_length: 5}}\npolicies: [{name: p, pattern: x, definition: {expires: 5}}]"
)


def test_planning_and_declaring(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """A plan names the changes, and declaring makes them, those that AMQP alone cannot make included."""

    async def scenario() -> tuple[list[str], list[str], list[str]]:
        address = amqptool_node.management_url
        planned = await plan(amqptool_vhost, TOPOLOGY, management_url=address)
        made = await declare(amqptool_vhost, TOPOLOGY, management_url=address)
        permits = Permits(prune=Ownership(whole_vhosts=True))
        gone = await declare(amqptool_vhost, Topology(), management_url=address, permits=permits)
        return (
            [str(each.object) for each in planned.changes],
            [each.outcome for each in made],
            [each.outcome for each in gone],
        )

    names = ["queue jobs (classic)", "policy p"]
    assert asyncio.run(scenario()) == (names, ["created", "created"], ["deleted", "deleted"])


def test_planning_and_declaring_where_etcd_says(
    amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, etcd: PrivateEtcd
) -> None:
    """With the management API and without, in the vhost of the URL that is there."""
    etcd.put(amqptool_vhost.reveal())
    queue = Topology.parse("queues: {jobs: {max_length: 5}}")

    async def scenario() -> tuple[list[str], list[str], int]:
        address = amqptool_node.management_url
        made = await declare(etcd.url, queue)
        changed = await declare(etcd.url, TOPOLOGY, management_url=address)
        planned = await plan(etcd.url, TOPOLOGY, management_url=address)
        return [each.outcome for each in made], [each.outcome for each in changed], len(planned.changes)

    assert asyncio.run(scenario()) == (["declared"], ["created", "unchanged"], 0)
    assert asyncio.run(queue_length(amqptool_vhost, "jobs")) == 0


def test_permits_need_the_management_api(amqptool_vhost: AmqpUrl) -> None:
    """AMQP alone neither lists nor replaces."""
    with pytest.raises(ConfigError, match="management_url"):
        asyncio.run(declare(amqptool_vhost, TOPOLOGY, permits=Permits()))
