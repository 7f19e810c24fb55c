"""Run a slice under faults: `python -m tests.faults --messages N --faults M --seed S`; exit code 1 if it is not sound.

The same numbers give the same schedule again: which faults come, after how many messages, for how long. With --report,
a line of JSON about the slice is appended to a file; a run that is broken off leaves none.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from tests.faults import report
from tests.faults.nodes import private_nodes
from tests.faults.origin import origin
from tests.faults.run import Slice, run
from tests.faults.schedule import Kind


def main(words: list[str]) -> int:
    """Run a slice, and print what came of it."""
    arguments = _parser().parse_args(words)
    for number in (signal.SIGINT, signal.SIGTERM):  # either way nothing is left running
        signal.signal(number, signal.default_int_handler)
    asked = Slice(
        messages=arguments.messages,
        faults=arguments.faults,
        seed=arguments.seed,
        queue_type=arguments.queue,
        store=arguments.store,
        nodes=arguments.nodes,
        kinds=tuple(Kind[name] for name in arguments.kinds),
    )
    directory = Path(tempfile.mkdtemp(prefix="amqptool-faults-"))
    started = time.monotonic()
    summary = origin(["tests.faults", *words]) | report.asked(asked) | _run(asked, directory)
    summary["seconds"] = round(time.monotonic() - started, 1)
    print(json.dumps(summary))
    if arguments.report is not None:
        with arguments.report.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(summary)}\n")
    if not summary["sound"]:
        print(f"what was written is in {directory}", file=sys.stderr)
        return 1
    shutil.rmtree(directory)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--messages", type=int, required=True, metavar="N")
    parser.add_argument("--faults", type=int, required=True, metavar="M")
    parser.add_argument("--seed", type=int, required=True, metavar="S")
    parser.add_argument("--queue", choices=["classic", "quorum"], default="classic")
    parser.add_argument("--store", choices=["sqlite", "postgresql", "redis"], default="sqlite")
    parser.add_argument("--nodes", type=int, choices=[1, 3], default=1)
    names = [kind.name for kind in Kind]
    parser.add_argument("--kinds", nargs="+", choices=names, default=names, metavar="KIND")
    parser.add_argument("--report", type=Path, metavar="FILE")
    return parser


def _run(asked: Slice, directory: Path) -> dict[str, Any]:
    try:
        with private_nodes(asked.nodes) as nodes:
            return report.found(run(nodes, nodes[0].url.vhost, directory, asked))
    except Exception as error:  # whatever it is, nobody knows what became of the messages
        traceback.print_exc()
        return {"sound": False, "unread": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
