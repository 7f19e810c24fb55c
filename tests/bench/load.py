"""Load a million topic bindings from JSON, as a broker exports them, and ten thousand from YAML."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from amqptool.topology import Topology
from tests.bench.comparison import Comparison
from tests.bench.routing import BINDINGS, EXCHANGE, QUEUES, topic_pattern
from tests.support.resources import peak

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds and megabytes for the million, and seconds for the ten thousand.
SECONDS, MEGABYTES = 60, 2_000
YAML_BINDINGS, YAML_SECONDS = 10_000, 2


def compare_loading() -> list[Comparison]:
    """Measure each in a process of its own, whose memory is all this; seconds are the processor's."""
    with tempfile.TemporaryDirectory() as name:
        exported, written = Path(name, "definitions.json"), Path(name, "topology.yaml")
        with exported.open("w") as file:
            file.writelines(definitions(BINDINGS))
        written.write_text("".join(lines(YAML_BINDINGS)))
        seconds, megabytes = _measured(exported)
        of_yaml, _ = _measured(written)
    what = f"load {BINDINGS:,} topic bindings from JSON"
    return [
        Comparison(what, f"{seconds:.1f} s", f"{SECONDS} s", seconds / SECONDS, at_most=1),
        Comparison(f"{what}, memory", f"{megabytes:.0f} MB", f"{MEGABYTES} MB", megabytes / MEGABYTES, at_most=1),
        Comparison(
            f"load {YAML_BINDINGS:,} bindings from YAML",
            f"{of_yaml:.2f} s",
            f"{YAML_SECONDS} s",
            of_yaml / YAML_SECONDS,
            at_most=1,
        ),
    ]


def definitions(bindings: int) -> Iterator[str]:
    """Yield the parts of an export of a broker with so many bindings."""
    common = {"vhost": "/", "durable": True, "auto_delete": False, "arguments": {}}
    queues = [{"name": f"queue-{number}", **common} for number in range(QUEUES)]
    head = {
        "rabbit_version": "3.13.7",
        "vhosts": [{"name": "/"}],
        "exchanges": [{"name": EXCHANGE, "type": "topic", "internal": False, **common}],
        "queues": queues,
    }
    yield json.dumps(head, separators=(",", ":"))[:-1] + ',"bindings":['
    for number in range(bindings):
        binding = {
            "source": EXCHANGE,
            "vhost": "/",
            "destination": f"queue-{number % QUEUES}",
            "destination_type": "queue",
            "routing_key": topic_pattern(number),
            "arguments": {},
        }
        yield ("," if number else "") + json.dumps(binding, separators=(",", ":"))
    yield "]}"


def lines(bindings: int) -> Iterator[str]:
    """Yield the lines of a YAML file with so many bindings."""
    yield f"exchanges: {{{EXCHANGE}: topic}}\nqueues:\n"
    yield from (f"  queue-{number}:\n" for number in range(QUEUES))
    yield "bindings:\n"
    for number in range(bindings):
        key = topic_pattern(number)
        yield f'  - {{source: {EXCHANGE}, destination: queue-{number % QUEUES}, routing_key: "{key}"}}\n'


def _measured(path: Path) -> tuple[float, float]:
    done = subprocess.run([sys.executable, "-m", "tests.bench.load", path], check=True, capture_output=True, text=True)
    seconds, megabytes = done.stdout.split()
    return float(seconds), float(megabytes)


if __name__ == "__main__":
    started = time.process_time()
    Topology.load(sys.argv[1])
    print(time.process_time() - started, peak(os.getpid()))
