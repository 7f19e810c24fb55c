"""Watch thousands of queues: how long it takes from one table to the next where there is no pause between them."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from tests.bench.comparison import Comparison
from tests.bench.measuring import AMQPTOOL

if TYPE_CHECKING:
    from pathlib import Path

    from amqptool.broker.local import Endpoint

QUEUES, SECONDS = 5000, 2
#: Tables that are measured, after the first.
TABLES = 10


def compare_watching(node: Endpoint, directory: Path) -> list[Comparison]:
    """Show so many queues on a terminal, again and again."""
    topology = directory / "queues.yaml"
    topology.write_text("queues:\n" + "".join(f"  q{number}: {{}}\n" for number in range(QUEUES)))
    command = [AMQPTOOL, "--url", node.url.reveal(), "--management-url", node.management_url]
    subprocess.run([*command, "declare", "-q", str(topology)], check=True)
    seconds = _seconds_of_a_table([*command, "status", "--watch", "--interval", "0.01"])
    subprocess.run([*command, "delete", "-q", "--yes", str(topology)], check=True)
    return [
        Comparison(
            f"status --watch, {QUEUES:,} queues, a table: {SECONDS} s",
            f"{seconds:.2f} s",
            f"{SECONDS} s",
            seconds / SECONDS,
            at_most=1,
        )
    ]


def _seconds_of_a_table(command: list[str]) -> float:
    terminal, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"}
    with subprocess.Popen(command, env=env, stdin=theirs, stdout=theirs, stderr=theirs) as watch:
        os.close(theirs)
        _read_tables(terminal, 1)
        began = time.monotonic()
        _read_tables(terminal, TABLES)
        seconds = time.monotonic() - began
        watch.send_signal(signal.SIGKILL)  # which needs nobody to read its last table
    os.close(terminal)
    return seconds / TABLES


def _read_tables(terminal: int, count: int) -> None:
    seen, heading = b"", f"{QUEUES:,} queues".encode()
    while seen.count(heading) < count:
        seen += os.read(terminal, 65536)
