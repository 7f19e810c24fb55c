"""Publish persistent messages from a file with confirms, beside what other clients reach with the same broker."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from amqptool.broker.local import Endpoint
from tests.bench.comparison import Comparison
from tests.bench.measuring import AMQPTOOL, Measured, measured
from tests.support.broker import declare_queue, delete_queue

HERE = Path(__file__).parent
#: Messages and bytes of each.
COUNT, SIZE = 200_000, 256
#: Messages of those who wait for each confirm, and of AMQPStorm, which looks for it every 10 ms.
FEW, FEWEST = 10_000, 1_000
ROUNDS = 3
MEGABYTES = 100
CLASSIC, QUORUM = "bench", "bench.quorum"


@dataclass(frozen=True, slots=True)
class Client:
    """One way to publish, and how many messages it publishes."""

    command: list[str]
    count: int = COUNT
    queue: str = CLASSIC
    #: What is to be standard input.
    reads: Path | None = None
    #: A file that must not be there before.
    writes: Path | None = None


def compare_publishing(node: Endpoint, directory: Path) -> list[Comparison]:
    """Let every client publish in turns, each time into an empty queue, and compare the best of each.

    A rate stands beside the processor's time for each message; both include the start of the program.
    """
    lines = directory / "lines"
    lines.write_bytes((b"x" * SIZE + b"\n") * COUNT)
    ours, c = _ours(node, lines), _in_c(node, directory)
    theirs = {**_in_python(node), "amqp-publish, unconfirmed": _amqp_publish(node, lines)}
    best = _best(node, {**ours, **c, **theirs})
    goals = {"pika blocking, each confirmed": 8.0, "aio-pika, 1,000 gathered": 2.0}
    return [
        *(_rates(best, mine, limit, 0.85) for mine, limit in zip(ours, (*c, "a C client"), strict=True)),
        *(_rates(best, "publish --lines", other, goals.get(other, 0.0)) for other in theirs),
        _cpu(best, "publish --lines", "bare pika, pipelined"),
        _memory(best[mine].megabytes for mine in ours),
    ]


# -- who publishes --


def _ours(node: Endpoint, lines: Path) -> dict[str, Client]:
    publish = [AMQPTOOL, "--url", node.url.reveal(), "publish", "-q", "--lines", str(lines), "-k"]
    receipts = lines.with_name("receipts")
    return {
        "publish --lines": Client([*publish, CLASSIC]),
        "publish --lines, quorum": Client([*publish, QUORUM], queue=QUORUM),
        "publish --lines --receipts": Client([*publish, CLASSIC, "--receipts", str(receipts)], writes=receipts),
    }


def _in_c(node: Endpoint, directory: Path) -> dict[str, Client]:
    program = str(directory / "c_publish")
    subprocess.run(["gcc", "-O2", "-o", program, HERE / "c_publish.c", "-lrabbitmq"], check=True)
    queues = {"a C client": CLASSIC, "a C client, quorum": QUORUM}
    return {
        name: Client([program, str(node.url.port), queue, str(COUNT), str(SIZE)], queue=queue)
        for name, queue in queues.items()
    }


def _in_python(node: Endpoint) -> dict[str, Client]:
    scripts = {
        "pika blocking, each confirmed": ("pika_blocking", FEW),
        "bare pika, pipelined": ("pika_pipelined", COUNT),
        "aio-pika, 1,000 gathered": ("aio_pika_gathered", COUNT // 2),
        "kombu, each confirmed": ("kombu_confirmed", FEW),
        "AMQPStorm, each confirmed": ("amqpstorm_confirmed", FEWEST),
    }
    return {
        name: Client([sys.executable, *_arguments(script, node, count)], count)
        for name, (script, count) in scripts.items()
    }


def _arguments(script: str, node: Endpoint, count: int) -> list[str]:
    return [str(HERE / "clients" / f"{script}.py"), node.url.reveal(), CLASSIC, str(count), str(SIZE)]


def _amqp_publish(node: Endpoint, lines: Path) -> Client:
    return Client(["amqp-publish", f"--url={node.url.reveal()}", "-r", CLASSIC, "-p", "-l"], reads=lines)


# -- how fast --


@dataclass(frozen=True, slots=True)
class Best:
    """The best of a client's runs in each respect; of memory, the worst."""

    rate: float
    #: Microseconds of the processor, for each message.
    cpu: float
    megabytes: float

    @classmethod
    def of(cls, runs: Sequence[Measured], count: int) -> Best:
        """Choose from runs of so many messages."""
        return cls(
            rate=count / min(run.seconds for run in runs),
            cpu=min(run.cpu for run in runs) / count * 1e6,
            megabytes=max(run.megabytes for run in runs),
        )

    def __str__(self) -> str:
        return f"{self.rate:,.0f}/s, {self.cpu:.0f} µs"


def _best(node: Endpoint, clients: Mapping[str, Client]) -> dict[str, Best]:
    runs: dict[str, list[Measured]] = {name: [] for name in clients}
    for _ in range(ROUNDS):
        for name, client in clients.items():
            runs[name].append(_run(node, name, client))
    return {name: Best.of(runs[name], client.count) for name, client in clients.items()}


def _run(node: Endpoint, name: str, client: Client) -> Measured:
    """Let a client publish into an empty queue, and see that nothing is missing there."""
    kind = "quorum" if client.queue == QUORUM else "classic"
    asyncio.run(declare_queue(node.url, client.queue, **{"x-queue-type": kind}))
    if client.writes is not None:
        client.writes.unlink(missing_ok=True)
    taken = measured(client.command, reads=client.reads)
    arrived = asyncio.run(delete_queue(node.url, client.queue))
    if arrived != client.count:
        raise RuntimeError(f"{name}: {arrived:,} of {client.count:,} messages are in the queue")
    return taken


# -- side by side --


def _rates(best: Mapping[str, Best], mine: str, other: str, at_least: float) -> Comparison:
    a, b = best[mine], best[other]
    return Comparison(f"{mine}: {other}", str(a), str(b), a.rate / b.rate, at_least=at_least)


def _cpu(best: Mapping[str, Best], mine: str, other: str) -> Comparison:
    a, b = best[mine].cpu, best[other].cpu
    return Comparison(f"{mine}, CPU of a message: {other}", f"{a:.0f} µs", f"{b:.0f} µs", a / b, at_most=2)


def _memory(held: Iterable[float]) -> Comparison:
    most = max(held)
    what = f"publish --lines, memory at most: {MEGABYTES} MB"
    return Comparison(what, f"{most:.0f} MB", f"{MEGABYTES} MB", most / MEGABYTES, at_most=1)
