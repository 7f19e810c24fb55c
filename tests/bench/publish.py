"""Publish persistent messages from a file with confirms, beside what other clients reach with the same broker."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from amqptool.broker.amqp import connect
from amqptool.broker.local import Endpoint
from tests.bench.comparison import Comparison
from tests.bench.measuring import Measured, measured

HERE = Path(__file__).parent
AMQPTOOL = str(Path(sys.executable).with_name("amqptool"))
#: Messages and bytes of each.
COUNT, SIZE = 200_000, 256
#: Messages of those who wait for each confirm.
FEW = 10_000
ROUNDS = 2
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
    """Let every client publish in turns, each time into an empty queue, and compare the best of each."""
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
        _memory(best, "publish --lines"),
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
        "aio-pika, 1,000 gathered": ("aio_pika_gathered", COUNT // 4),
        "kombu, each confirmed": ("kombu_confirmed", FEW),
        "AMQPStorm, each confirmed": ("amqpstorm_confirmed", FEW),
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


def _best(node: Endpoint, clients: Mapping[str, Client]) -> dict[str, tuple[Client, Measured]]:
    runs: dict[str, list[Measured]] = {name: [] for name in clients}
    for _ in range(ROUNDS):
        for name, client in clients.items():
            asyncio.run(_empty(node, client.queue))
            if client.writes is not None:
                client.writes.unlink(missing_ok=True)
            runs[name].append(measured(client.command, reads=client.reads))
    return {name: (client, min(runs[name], key=lambda run: run.seconds)) for name, client in clients.items()}


async def _empty(node: Endpoint, queue: str) -> None:
    """Delete and declare the queue, so that every run begins alike."""
    async with connect(node.url) as connection:
        channel = await connection.channel()
        await channel.delete_queue(queue)
        await channel.declare_queue(queue, arguments={"x-queue-type": "quorum" if queue == QUORUM else "classic"})


# -- side by side --

_Best = Mapping[str, tuple[Client, Measured]]


def _rates(best: _Best, mine: str, other: str, at_least: float) -> Comparison:
    a, b = (client.count / taken.seconds for client, taken in (best[mine], best[other]))
    return Comparison(f"{mine}: {other}", f"{a:,.0f}/s", f"{b:,.0f}/s", a / b, at_least=at_least)


def _cpu(best: _Best, mine: str, other: str) -> Comparison:
    a, b = (taken.cpu / client.count * 1e6 for client, taken in (best[mine], best[other]))
    return Comparison(f"{mine}, CPU of a message: {other}", f"{a:.0f} µs", f"{b:.0f} µs", a / b, at_most=2)


def _memory(best: _Best, mine: str) -> Comparison:
    held = best[mine][1].megabytes
    what = f"{mine}, memory: {MEGABYTES} MB"
    return Comparison(what, f"{held:.0f} MB", f"{MEGABYTES} MB", held / MEGABYTES, at_most=1)
