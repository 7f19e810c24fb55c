"""Route keys offline through a topic exchange with a million bindings."""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import time

from amqptool.topology.model import Binding, Exchange, Queue, Topology
from amqptool.topology.routing import Router
from tests.bench.comparison import Comparison
from tests.support.resources import peak

BINDINGS, QUEUES, KEYS = 1_000_000, 1_000, 20_000
#: Microseconds to route a key, and megabytes of the process that does.
MICROSECONDS, MEGABYTES = 50, 2_000
EXCHANGE = "events"

_PATTERNS = ("{n}.order.created", "{n}.order.*", "{n}.*.paid", "{n}.#", "*.order.{n}", "#.{n}.deleted")


def topic_pattern(number: int) -> str:
    """Return the key of one binding; each is another one, and half of them have wildcards."""
    return _PATTERNS[number % len(_PATTERNS)].format(n=f"tenant-{number // len(_PATTERNS)}")


def topic_topology(bindings: int = BINDINGS) -> Topology:
    """Make a topic exchange with so many bindings."""
    return Topology(
        exchanges=(Exchange(name=EXCHANGE, type="topic"),),
        queues=tuple(Queue(name=f"queue-{number}") for number in range(QUEUES)),
        bindings=tuple(
            Binding(source=EXCHANGE, destination=f"queue-{number % QUEUES}", routing_key=topic_pattern(number))
            for number in range(bindings)
        ),
    )


def microseconds(router: Router, bindings: int = BINDINGS) -> float:
    """Return the median time to route a key; every key matches at least one binding."""
    chance = random.Random(1)
    tenants = bindings // len(_PATTERNS)
    keys = [
        chance.choice(
            ("tenant-{n}.order.created", "tenant-{n}.order.paid", "eu.order.tenant-{n}", "tenant-{n}.deleted")
        )
        for _ in range(KEYS)
    ]
    keys = [key.format(n=chance.randrange(tenants)) for key in keys]
    assert router.route(EXCHANGE, keys[0]).queues  # builds the index
    taken = []
    for key in keys:
        started = time.perf_counter()
        router.route(EXCHANGE, key)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken) * 1e6


def compare_routing() -> list[Comparison]:
    """Measure in a process of its own, whose memory is all this."""
    done = subprocess.run([sys.executable, "-m", "tests.bench.routing"], check=True, capture_output=True, text=True)
    median, megabytes = map(float, done.stdout.split())
    what = f"route a key, {BINDINGS:,} topic bindings"
    return [
        Comparison(what, f"{median:.0f} µs", f"{MICROSECONDS} µs", median / MICROSECONDS, at_most=1),
        Comparison(f"{what}, memory", f"{megabytes:.0f} MB", f"{MEGABYTES} MB", megabytes / MEGABYTES, at_most=1),
    ]


if __name__ == "__main__":
    print(microseconds(Router(topic_topology())), peak(os.getpid()))
