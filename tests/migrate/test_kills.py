"""A migration killed with SIGKILL after each of its steps, while a publisher keeps publishing: nothing is lost."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from amqptool import AmqpUrl, Message, Topology, declare
from amqptool.broker.actual import read_actual
from amqptool.broker.local import Endpoint
from amqptool.broker.management import Management
from amqptool.migrate import Migrated, migrate
from amqptool.topology.diff import diff
from tests.support.broker import drain, publish
from tests.support.steady import SteadyPublisher

#: More than fit into one batch.
MESSAGES = 300
FILE = """
exchanges: {{in: topic, other: headers}}
queues:
  q:
    {properties}
    bindings:
      - {{source: in, routing_key: "#"}}
      - {{source: other, arguments: {{x-match: any, number: 7, ratio: 0.5, text: "7"}}}}
"""


@pytest.fixture
def doomed(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> Iterator[subprocess.Popen[str]]:
    """Give the process whose children die."""
    words = [amqptool_vhost.reveal(), amqptool_node.management_url, "q"]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.doomed_migration", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        yield process


def killed_at(step: int, text: str, doomed: subprocess.Popen[str]) -> bool:
    """Run a migration that dies at a step; return whether it came so far."""
    assert doomed.stdin is not None
    assert doomed.stdout is not None
    doomed.stdin.write(json.dumps([step, text]) + "\n")
    doomed.stdin.flush()
    code = int(doomed.stdout.readline())
    assert code in (0, -signal.SIGKILL)
    return code != 0


async def migrated(node: Endpoint, url: AmqpUrl, text: str) -> Migrated:
    """Run a migration to its end."""
    async with Management.at(node.management_url, node.url) as management:
        return await migrate(url, Topology.parse(text), "q", management)


async def check_topology(node: Endpoint, url: AmqpUrl, text: str) -> None:
    """Check that the vhost holds what the file says, exclusive queues included, and nothing else."""
    wanted = Topology.parse(text)
    async with Management.at(node.management_url, node.url) as management:
        found = await read_actual(management, [url.vhost])
        names = {queue["name"] for queue in await management.queues(url.vhost)}
    assert names == {"q"}
    assert {each.name for each in found.exchanges} == {"in", "other"}
    assert diff(wanted, found, vhost=url.vhost).changes == ()
    assert {str(each): each.arguments for each in found.bindings} == {
        str(each): each.arguments for each in wanted.bindings
    }


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("one", "other"),
    [("type: classic", "type: quorum"), ("max_length: 100000", "message_ttl: 1h")],
    ids=["type", "arguments"],
)
def test_whatever_step_it_is_killed_at_it_completes(
    amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, doomed: subprocess.Popen[str], one: str, other: str
) -> None:
    """Run again, it ends with every confirmed message, all bindings, the new properties, and nothing of its own."""
    files = [FILE.format(properties=properties) for properties in (one, other)]

    async def migrate_while_publishing(step: int, text: str) -> bool:
        bulk = [Message(body=b"bulk", exchange="in", routing_key="bulk") for _ in range(MESSAGES)]
        await publish(amqptool_vhost, bulk)
        async with SteadyPublisher(amqptool_vhost, "in") as steady:
            killed = await asyncio.to_thread(killed_at, step, text, doomed)
            result = await migrated(amqptool_node, amqptool_vhost, text)
            assert killed or result == Migrated(queue="q")
        await check_topology(amqptool_node, amqptool_vhost, text)
        sent = steady.confirmed | {message.message_id for message in bulk}
        assert {delivery.message_id for delivery in await drain(amqptool_vhost, "q")} == sent
        return killed

    async def main() -> int:
        await declare(amqptool_vhost, Topology.parse(files[0]))
        for step in itertools.count(1):
            if not await migrate_while_publishing(step, files[step % 2]):
                return step
        return 0

    assert asyncio.run(main()) > 20
