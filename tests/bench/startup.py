"""Start, help, publish one message: what a process costs that does little."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from compileall import compile_dir
from pathlib import Path

import amqptool
from amqptool.broker.local import Endpoint
from tests.bench.comparison import Comparison
from tests.bench.measuring import AMQPTOOL
from tests.support.broker import declare_queue

QUEUE = "bench.one"
ROUNDS = 30

BARE_PIKA = """
import sys, uuid, pika
connection = pika.BlockingConnection(pika.URLParameters(sys.argv[1]))
channel = connection.channel()
channel.confirm_delivery()
properties = pika.BasicProperties(delivery_mode=2, message_id=str(uuid.uuid4()))
channel.basic_publish("", sys.argv[2], b"hello", properties, mandatory=True)
connection.close()
"""


def compare_startup(node: Endpoint) -> list[Comparison]:
    """Compare the wall clock of short commands, compiled, as pip leaves what it installs."""
    compile_dir(Path(amqptool.__file__).parent, quiet=1)
    asyncio.run(declare_queue(node.url, QUEUE))
    url = node.url.reveal()
    click = [sys.executable, "-c", "import click"]
    one = [AMQPTOOL, "--url", url, "publish", "-k", QUEUE, "hello"]
    bare = [sys.executable, "-c", BARE_PIKA, url, QUEUE]
    return [
        _compare("--help: python importing click", [AMQPTOOL, "--help"], click, at_most=1.6),
        _compare("publish of one message: bare pika", one, bare, at_most=1.4),
    ]


def _compare(what: str, ours: Sequence[str], theirs: Sequence[str], *, at_most: float) -> Comparison:
    mine, other = _medians([ours, theirs])
    return Comparison(what, f"{mine * 1000:.0f} ms", f"{other * 1000:.0f} ms", mine / other, at_most=at_most)


def _medians(commands: Sequence[Sequence[str]]) -> list[float]:
    """Run commands in turns and return the median seconds of each."""
    seconds: list[list[float]] = [[] for _ in commands]
    for _ in range(ROUNDS):
        for command, taken in zip(commands, seconds, strict=True):
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            taken.append(time.perf_counter() - started)
    return [statistics.median(taken) for taken in seconds]
