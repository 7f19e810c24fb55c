"""Measure amqptool's speed as ratios within one run: `make bench`, or `make bench B="publish route"` for some parts.

Each line compares two programs that did the same work in turns, on the same private RabbitMQ.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from amqptool.broker.local import Endpoint, temporary
from tests.bench.comparison import Comparison
from tests.bench.consume import compare_consuming
from tests.bench.dedup import compare_dedup
from tests.bench.load import compare_loading
from tests.bench.publish import compare_publishing
from tests.bench.replay import compare_replaying
from tests.bench.routing import compare_routing
from tests.bench.startup import compare_startup
from tests.bench.status import compare_watching
from tests.bench.tap import compare_tapping
from tests.bench.topology import compare_topology

#: What a part is called, and how it is measured on a node and in an empty directory.
PARTS: dict[str, Callable[[Endpoint, Path], list[Comparison]]] = {
    "startup": lambda node, _: compare_startup(node),
    "publish": compare_publishing,
    "consume": compare_consuming,
    "replay": compare_replaying,
    "tap": compare_tapping,
    "status": compare_watching,
    "load": lambda _node, _directory: compare_loading(),
    "route": lambda _node, _directory: compare_routing(),
    "topology": compare_topology,
    "dedup": lambda _node, directory: compare_dedup(directory),
}


def measure(parts: Sequence[str]) -> list[Comparison]:
    """Make the comparisons of some parts, on a node of their own."""
    with temporary() as node, tempfile.TemporaryDirectory() as directory:
        return [each for part in parts for each in PARTS[part](node, Path(directory))]


def main(parts: Sequence[str]) -> int:
    """Print the table; return 1 if a goal is missed."""
    unknown = set(parts) - set(PARTS)
    if unknown:
        sys.exit(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    results = measure(parts or list(PARTS))
    table = Table("what: beside what", "amqptool", "beside", "ratio", "goal")
    for result in results:
        table.add_row(result.what, result.ours, result.theirs, f"{result.ratio:.2f}", result.goal)
    Console(width=None if sys.stdout.isatty() else 120).print(table)
    return 0 if all(result.reached for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
