"""Declaring and planning 500 queues and 10,000 bindings, beside blocking pika doing the same."""

from __future__ import annotations

import asyncio
import statistics
import sys
from dataclasses import replace
from pathlib import Path

from amqptool.broker.local import Endpoint
from amqptool.broker.management import Management
from amqptool.settings.url import AmqpUrl
from tests.bench.comparison import Comparison
from tests.bench.measuring import AMQPTOOL, measured

QUEUES, EXCHANGES = 500, 20  # each queue is bound to each exchange
ROUNDS = 5

PIKA = f"""
import sys, pika
connection = pika.BlockingConnection(pika.URLParameters(sys.argv[1]))
channel = connection.channel()
for e in range({EXCHANGES}):
    channel.exchange_declare(f"exchange-{{e}}", "topic", durable=True)
for q in range({QUEUES}):
    channel.queue_declare(f"queue-{{q}}", durable=True)
for q in range({QUEUES}):
    for e in range({EXCHANGES}):
        channel.queue_bind(f"queue-{{q}}", f"exchange-{{e}}", f"app.{{q}}.event.{{e}}.#")
connection.close()
"""


def compare_topology(node: Endpoint, directory: Path) -> list[Comparison]:
    """Compare the first declare, and a plan that finds nothing to do with declaring again."""
    path = directory / "topology.yaml"
    path.write_text(_topology())
    url = _vhost(node, "amqptool")
    amqptool = [AMQPTOOL, "--url", url.reveal(), "--management-url", node.management_url]
    pika = [sys.executable, "-c", PIKA, _vhost(node, "pika").reveal()]
    declare = measured([*amqptool, "declare", "-q", str(path)]).seconds
    first = measured(pika).seconds
    plans, agains = [], []
    for _ in range(ROUNDS):
        plans.append(measured([*amqptool, "plan", "-q", "--detailed-exitcode", str(path)]).seconds)
        agains.append(measured(pika).seconds)
    plan, again = statistics.median(plans), statistics.median(agains)
    return [
        Comparison("first declare: blocking pika", f"{declare:.1f} s", f"{first:.1f} s", declare / first, at_most=1),
        Comparison(
            "plan without changes: declaring again", f"{plan:.1f} s", f"{again:.1f} s", plan / again, at_most=0.5
        ),
    ]


def _vhost(node: Endpoint, name: str) -> AmqpUrl:
    """Create a vhost; it goes with the node, which is faster than deleting it."""

    async def create() -> None:
        async with Management.at(node.management_url, node.url) as management:
            await management.create_vhost(name)

    asyncio.run(create())
    return replace(node.url, vhost=name)


def _topology() -> str:
    lines = ["exchanges:", *(f"  exchange-{e}: topic" for e in range(EXCHANGES)), "queues:"]
    for q in range(QUEUES):
        lines += [f"  queue-{q}:", "    bindings:"]
        lines += [f'      - {{source: exchange-{e}, routing_key: "app.{q}.event.{e}.#"}}' for e in range(EXCHANGES)]
    return "\n".join(lines) + "\n"
