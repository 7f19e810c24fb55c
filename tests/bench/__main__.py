"""Measure amqptool's speed as ratios within one run: `make bench`.

Each line compares two programs that did the same work in turns, on the same private RabbitMQ.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from amqptool.broker.local import temporary
from amqptool.settings.url import AmqpUrl
from tests.bench.comparison import Comparison
from tests.bench.load import compare_loading
from tests.bench.routing import compare_routing
from tests.bench.topology import compare_topology

HERE = Path(__file__).parent
AMQPTOOL = str(Path(sys.executable).with_name("amqptool"))
#: Messages and bytes of each, for the bulk comparison.
COUNT, SIZE = 200_000, 256
QUEUE = "bench"

BARE_PIKA = """
import sys, uuid, pika
connection = pika.BlockingConnection(pika.URLParameters(sys.argv[1]))
channel = connection.channel()
channel.confirm_delivery()
properties = pika.BasicProperties(delivery_mode=2, message_id=str(uuid.uuid4()))
channel.basic_publish("", sys.argv[2], b"hello", properties, mandatory=True)
connection.close()
"""


MEASURE = """
import resource, subprocess, sys, time
started = time.perf_counter()
subprocess.run(sys.argv[1:], check=True)
print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def times_of(commands: list[list[str]], rounds: int, environ: dict[str, str] | None = None) -> list[float]:
    """Run commands in turns and return the median seconds of each."""
    seconds: list[list[float]] = [[] for _ in commands]
    for _ in range(rounds):
        for command, taken in zip(commands, seconds, strict=True):
            started = time.perf_counter()
            subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL)
            taken.append(time.perf_counter() - started)
    return [statistics.median(taken) for taken in seconds]


def compare_times(what: str, ours: list[str], theirs: list[str], at_most: float, environ: dict[str, str]) -> Comparison:
    """Compare how long two commands take."""
    mine, bare = times_of([ours, theirs], 30, environ)
    return Comparison(what, f"{mine * 1000:.0f} ms", f"{bare * 1000:.0f} ms", mine / bare, at_most=at_most)


def compare_bulk(url: AmqpUrl, environ: dict[str, str], directory: Path) -> list[Comparison]:
    """Compare publishing a file's lines, with receipts and without, with what a C client reaches."""
    program, lines, receipts = directory / "c_publish", directory / "lines", directory / "receipts"
    subprocess.run(["gcc", "-O2", "-o", program, HERE / "c_publish.c", "-lrabbitmq"], check=True)
    lines.write_bytes((b"x" * SIZE + b"\n") * COUNT)
    ways: dict[str, list[str]] = {"--lines": [], "--lines --receipts": ["--receipts", str(receipts)]}
    rates: dict[str, list[float]] = {"c": [], **{way: [] for way in ways}}
    memory = 0.0
    for _ in range(2):
        for way, more in ways.items():
            purge(environ)
            receipts.unlink(missing_ok=True)
            ours = [AMQPTOOL, "publish", "-q", "-k", QUEUE, "--lines", str(lines), *more]
            seconds, megabytes = run_measured(ours, environ)
            rates[way].append(COUNT / seconds)
            memory = max(memory, megabytes)
        purge(environ)
        command = [program, str(url.port), QUEUE, str(COUNT), str(SIZE)]
        rates["c"].append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    best = {way: max(found) for way, found in rates.items()}
    c = best.pop("c")
    return [
        *(
            Comparison(f"publish {way}, a C client", f"{rate:,.0f}/s", f"{c:,.0f}/s", rate / c, at_least=0.85)
            for way, rate in best.items()
        ),
        Comparison("publish --lines, memory of 100 MB", f"{memory:.0f} MB", "100 MB", memory / 100, at_most=1),
    ]


def run_measured(command: list[str], environ: dict[str, str]) -> tuple[float, float]:
    """Run a command and return its seconds and the megabytes that it held at most."""
    # Through a small process of its own: a child's figure begins with what its parent held.
    done = subprocess.run([sys.executable, "-c", MEASURE, *command], env=environ, check=True, capture_output=True)
    seconds, kilobytes = done.stdout.split()
    return float(seconds), float(kilobytes) / 1024


def purge(environ: dict[str, str]) -> None:
    """Delete and declare the queue, so that every run begins alike."""
    script = (
        "import os, pika; c = pika.BlockingConnection(pika.URLParameters(os.environ['AMQPTOOL_URL']));"
        f"h = c.channel(); h.queue_delete('{QUEUE}'); h.queue_declare('{QUEUE}', durable=True); c.close()"
    )
    subprocess.run([sys.executable, "-c", script], env=environ, check=True)


def measure() -> list[Comparison]:
    """Make all comparisons, on a node of their own."""
    with temporary() as node, tempfile.TemporaryDirectory() as directory:
        environ = {**os.environ, "AMQPTOOL_URL": node.url.reveal()}
        purge(environ)
        bare = [sys.executable, "-c", BARE_PIKA, node.url.reveal(), QUEUE]
        one = [AMQPTOOL, "publish", "-k", QUEUE, "hello"]
        return [
            compare_times(
                "--help, python importing click",
                [AMQPTOOL, "--help"],
                [sys.executable, "-c", "import click"],
                1.6,
                environ,
            ),
            compare_times("publish of one message, bare pika", one, bare, 1.6, environ),
            *compare_bulk(node.url, environ, Path(directory)),
            *compare_loading(),
            *compare_routing(),
            *compare_topology(node, Path(directory)),
        ]


def main() -> int:
    """Print the table; return 1 if a goal is missed."""
    results = measure()
    table = Table("what, and beside what", "amqptool", "beside", "ratio", "goal")
    for result in results:
        table.add_row(result.what, result.ours, result.theirs, f"{result.ratio:.2f}", result.goal)
    Console().print(table)
    return 0 if all(result.reached for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
