"""Send dead letters again, beside the rate at which a C client publishes to the same broker."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from amqptool import Confirmed, Message, Publisher
from amqptool.broker.local import Endpoint
from amqptool.message import Delivery
from amqptool.work.copies import copy_of
from amqptool.work.ladder import DeadLetter
from tests.bench.comparison import Comparison
from tests.bench.measuring import AMQPTOOL, Measured, measured
from tests.bench.publish import Best
from tests.support.broker import declare_queue, delete_queue

HERE = Path(__file__).parent
#: Dead letters, and bytes of each.
COUNT, SIZE = 100_000, 256
ROUNDS = 3
QUEUE, DEAD = "bench", "bench.dead"


def compare_replaying(node: Endpoint, directory: Path) -> list[Comparison]:
    """Let both fill the same empty queue in turns, and compare the best of each; times include the start."""
    program = str(directory / "c_publish")
    subprocess.run(["gcc", "-O2", "-o", program, HERE / "c_publish.c", "-lrabbitmq"], check=True)
    replay = [AMQPTOOL, "--url", node.url.reveal(), "dead", "replay", DEAD, "-q"]
    publish = [program, str(node.url.port), QUEUE, str(COUNT), str(SIZE)]
    runs: dict[str, list[Measured]] = {"ours": [], "c": []}
    for _ in range(ROUNDS):
        runs["ours"].append(_run(node, replay, COUNT))
        runs["c"].append(_run(node, publish, 0))
    ours, limit = Best.of(runs["ours"], COUNT), Best.of(runs["c"], COUNT)
    return [
        Comparison("dead replay: a C client publishes", str(ours), str(limit), ours.rate / limit.rate, at_least=0.4)
    ]


def _run(node: Endpoint, command: list[str], dead: int) -> Measured:
    """Fill the dead-letter queue, let a command fill the other one, and see that nothing is missing there."""
    asyncio.run(_prepare(node, dead))
    taken = measured(command)
    arrived, left = (asyncio.run(delete_queue(node.url, queue)) for queue in (QUEUE, DEAD))
    if (arrived, left) != (COUNT, 0):
        raise RuntimeError(f"{arrived:,} of {COUNT:,} messages are in the queue, and {left:,} are left")
    return taken


async def _prepare(node: Endpoint, dead: int) -> None:
    for queue in (QUEUE, DEAD):
        await declare_queue(node.url, queue)
    async with Publisher(node.url) as publisher:
        async for outcome in publisher.publish_many(_letters(dead)):
            assert isinstance(outcome, Confirmed), outcome


def _letters(count: int) -> Iterator[Message]:
    now = datetime.now(UTC)
    for number in range(count):
        delivery = Delivery(
            message=Message(body=b"x" * SIZE, routing_key=QUEUE), queue=QUEUE, delivery_tag=number, redelivered=False
        )
        yield copy_of(delivery, DeadLetter(DEAD), ValueError("broken"), rejected=False, at=now)
