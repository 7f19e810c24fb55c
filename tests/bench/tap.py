"""Tap an exchange at the broker's full speed: how much of it is counted, and in how much memory."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING

from tests.bench.comparison import Comparison
from tests.bench.measuring import AMQPTOOL
from tests.support.resources import peak

if TYPE_CHECKING:
    from pathlib import Path

    from amqptool.broker.local import Endpoint

#: Messages and bytes of each.
COUNT, SIZE = 500_000, 256
MEGABYTES = 150
EXCHANGE = "amq.fanout"


def compare_tapping(node: Endpoint, directory: Path) -> list[Comparison]:
    """Publish as fast as the broker confirms, each message by a key of its own, while `tap --top` counts.

    What it does not take in fast enough the broker drops, which is no failure of it.
    """
    records = directory / "records"
    body = "x" * SIZE
    with records.open("w") as file:
        file.writelines(f'{{"body": "{body}", "routing_key": "key.{number}"}}\n' for number in range(COUNT))
    counted, megabytes = _tapped(node, ["publish", "-q", "-e", EXCHANGE, "--allow-unroutable", "--jsonl", str(records)])
    return [
        Comparison("tap --top, messages counted: published", f"{counted:,}", f"{COUNT:,}", counted / COUNT),
        Comparison(
            f"tap --top, memory at most: {MEGABYTES} MB",
            f"{megabytes:.0f} MB",
            f"{MEGABYTES} MB",
            megabytes / MEGABYTES,
            at_most=1,
        ),
    ]


def _tapped(node: Endpoint, publish: list[str]) -> tuple[int, float]:
    """Run a command while a tap counts; return the messages, and the megabytes of the tap."""
    command = [AMQPTOOL, "--url", node.url.reveal()]
    with subprocess.Popen(
        [*command, "tap", EXCHANGE, "--top", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as tap:
        assert tap.stderr is not None
        tap.stderr.readline()  # said once it is bound
        subprocess.run([*command, *publish], check=True)
        megabytes = peak(tap.pid)
        tap.send_signal(signal.SIGTERM)
        document = json.loads(tap.communicate()[0])
    return int(document["received"]), megabytes
