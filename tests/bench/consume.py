"""Work off a queue with handlers that do nothing, beside what other consumers reach with the same broker."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from amqptool.broker.local import Endpoint
from tests.bench.comparison import Comparison
from tests.bench.measuring import AMQPTOOL, Measured, measured
from tests.bench.publish import Best
from tests.support.broker import declare_queue, delete_queue
from tests.support.servers import private_postgresql, private_redis

HERE = Path(__file__).parent
#: Messages and bytes of each.
COUNT, SIZE = 200_000, 256
#: Messages of those who take longer, and of amqp-consume, which starts a process for each.
SOME, FEW, FEWEST = 50_000, 10_000, 500
ROUNDS = 3
QUEUE = "bench"
MEGABYTES = 150


@dataclass(frozen=True, slots=True)
class Consumer:
    """One way to work off a queue, and how many messages it is given."""

    command: list[str]
    count: int = COUNT
    #: What makes its messages, where they are none that anybody could make.
    fill: list[str] | None = None
    #: How its messages come by their ids; None: as they do when nothing is said.
    ids: str | None = None
    #: A dedup store's file, which must not be there before.
    store: Path | None = None


def compare_consuming(node: Endpoint, directory: Path) -> list[Comparison]:
    """Let each work off a full queue in turns, and compare the best of each; times include the start of the program."""
    lines = directory / "lines"
    lines.write_bytes((b"x" * SIZE + b"\n") * COUNT)
    with ExitStack() as stack:
        stores = {
            "redis": stack.enter_context(private_redis()).url,
            "postgresql": stack.enter_context(private_postgresql()).url,
        }
        consumers = {**_ours(node, directory, stores), **_in_c(node, directory), **_in_python(node)}
        best = _best(node, lines, consumers)
    limit, durable = "a C client, no dedup", "sqlite"
    goals = {"kombu": 1.3, "aio-pika": 2.5, "FastStream": 3.5, "dramatiq": 3.5, "celery, acks late": 3.5}
    parts = {
        "sqlite": 0.4,
        "sqlite, random ids": 0.0,
        "memory": 0.0,
        "no dedup": 0.0,
        "redis": 0.25,
        "postgresql": 0.25,
    }
    others = [*_in_python(node), "amqp-consume"]
    return [
        *(_rates(best, mine, limit, at_least) for mine, at_least in parts.items()),
        *(_rates(best, durable, other, goals.get(other, 0.0)) for other in others),
        _rates(best, "sqlite, two processes", "sqlite, one process", 1.0),
        _rates(best, "a handler of 1 ms, two processes", "a handler of 1 ms", 1.7),
        _at_least(best, "exec-lines:", 5_000),
        _memory(best[durable].megabytes),
    ]


# -- who consumes --


def _ours(node: Endpoint, directory: Path, stores: Mapping[str, str]) -> dict[str, Consumer]:
    file = directory / "dedup.db"

    def consumer(
        dedup: str, *words: str, handler: str = "handlers:nothing", count: int = COUNT, ids: str | None = None
    ) -> Consumer:
        work = [AMQPTOOL, "--url", node.url.reveal(), "consume", QUEUE, "-q", "--app-dir", str(HERE)]
        # Processes do not share a count; who is compared with them has the same wait at the end.
        end = ["--idle-timeout", "0.5", "--min-messages", str(count)] if words else ["-n", str(count)]
        setting = ["--handler", handler, "--dedup", dedup, "--prefetch", "1000"]
        return Consumer([*work, *setting, *end, *words], count, store=file, ids=ids)

    sqlite, answering = f"sqlite:///{file}", f"exec-lines:{sys.executable} {HERE / 'answering.py'}"
    return {
        "sqlite": consumer(sqlite),
        "sqlite, random ids": consumer(sqlite, ids="uuid4"),
        "sqlite, one process": consumer(sqlite, "--processes", "1"),
        "sqlite, two processes": consumer(sqlite, "--processes", "2"),
        "memory": consumer("memory:"),
        "no dedup": consumer("none"),
        "redis": consumer(stores["redis"]),
        "postgresql": consumer(stores["postgresql"]),
        "a handler of 1 ms": consumer(sqlite, "--processes", "1", handler="handlers:millisecond", count=FEW),
        "a handler of 1 ms, two processes": consumer(
            sqlite, "--processes", "2", handler="handlers:millisecond", count=FEW
        ),
        "exec-lines:": consumer("none", handler=answering, count=SOME),
    }


def _in_c(node: Endpoint, directory: Path) -> dict[str, Consumer]:
    program = str(directory / "c_consume")
    subprocess.run(["gcc", "-O2", "-o", program, HERE / "c_consume.c", "-lrabbitmq"], check=True)
    tool = ["amqp-consume", f"--url={node.url.reveal()}", "-q", QUEUE, "-c", str(FEWEST), "-p", "1000", "cat"]
    return {
        "a C client, no dedup": Consumer([program, str(node.url.port), QUEUE, str(COUNT)]),
        "amqp-consume": Consumer(tool, FEWEST),
    }


def _in_python(node: Endpoint) -> dict[str, Consumer]:
    scripts = {
        "kombu": ("kombu_consume", COUNT),
        "aio-pika": ("aio_pika_consume", SOME),
        "AMQPStorm": ("amqpstorm_consume", SOME),
        "FastStream": ("faststream_consume", SOME),
    }
    own = {"dramatiq": "dramatiq_consume", "celery, acks late": "celery_consume"}
    return {
        **{name: Consumer(_script(script, node, count), count) for name, (script, count) in scripts.items()},
        **{
            name: Consumer(_script(script, node, FEW), FEW, fill=[*_script(script, node, FEW), "fill"])
            for name, script in own.items()
        },
    }


def _script(script: str, node: Endpoint, count: int) -> list[str]:
    return [sys.executable, str(HERE / "clients" / f"{script}.py"), node.url.reveal(), QUEUE, str(count)]


# -- how fast --


def _best(node: Endpoint, lines: Path, consumers: Mapping[str, Consumer]) -> dict[str, Best]:
    runs: dict[str, list[Measured]] = {name: [] for name in consumers}
    for _ in range(ROUNDS):
        for name, consumer in consumers.items():
            runs[name].append(_run(node, lines, name, consumer))
    return {name: Best.of(runs[name], consumer.count) for name, consumer in consumers.items()}


def _run(node: Endpoint, lines: Path, name: str, consumer: Consumer) -> Measured:
    """Fill a queue, let a consumer work it off, and see that nothing is left there."""
    if consumer.fill is None:
        asyncio.run(declare_queue(node.url, QUEUE))
        publish = [AMQPTOOL, "--url", node.url.reveal(), "publish", "-q", "--lines", "-", "-k", QUEUE]
        publish += [] if consumer.ids is None else ["--id-from", consumer.ids]
        text = b"".join(lines.read_bytes().splitlines(keepends=True)[: consumer.count])
        subprocess.run(publish, input=text, check=True)
    else:
        subprocess.run(consumer.fill, check=True, stdout=subprocess.DEVNULL)
    if consumer.store is not None:
        for file in consumer.store.parent.glob(f"{consumer.store.name}*"):
            file.unlink()
    taken = measured(consumer.command)
    left = asyncio.run(delete_queue(node.url, QUEUE))
    if left:
        raise RuntimeError(f"{name}: {left:,} of {consumer.count:,} messages are still in the queue")
    return taken


# -- side by side --


def _rates(best: Mapping[str, Best], mine: str, other: str, at_least: float) -> Comparison:
    a, b = best[mine], best[other]
    return Comparison(f"consume, {mine}: {other}", str(a), str(b), a.rate / b.rate, at_least=at_least)


def _at_least(best: Mapping[str, Best], mine: str, rate: float) -> Comparison:
    a = best[mine]
    return Comparison(f"consume, {mine} {rate:,.0f}/s", str(a), f"{rate:,.0f}/s", a.rate / rate, at_least=1)


def _memory(most: float) -> Comparison:
    what = f"consume, sqlite, memory at most: {MEGABYTES} MB"
    return Comparison(what, f"{most:.0f} MB", f"{MEGABYTES} MB", most / MEGABYTES, at_most=1)
