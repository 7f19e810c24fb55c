"""Run generated cases: `python -m tests.fuzz --cases N --seed S`; exit code 1 if one of them breaks a rule.

The same seed gives the same cases again, each by its number: `--only NUMBER` runs one of them, and shows it all.
With --report, a line of JSON about the run is appended to a file, so that many cases may be run in pieces, each from
its --first.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from amqptool.broker.local import temporary
from tests.fuzz.broker import add_user
from tests.fuzz.counts import Counts
from tests.fuzz.run import Worker, end_when_told, run, running_worker


def main(words: list[str]) -> int:
    """Run cases, and print what came of them."""
    arguments = _parser().parse_args(words)
    end_when_told()
    directory = Path(tempfile.mkdtemp(prefix="amqptool-fuzz-"))
    try:
        with temporary() as node:
            add_user(node)
            if arguments.only is not None:
                with running_worker(node, directory, 0, seed=arguments.seed, patience=arguments.patience) as worker:
                    return _show(worker, arguments.only)
            started = time.monotonic()
            numbers = range(arguments.first, arguments.first + arguments.cases)
            counts = run(
                node, directory, numbers, seed=arguments.seed, workers=arguments.workers, patience=arguments.patience
            )
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    summary = {"seed": arguments.seed, "first": arguments.first, "cases": arguments.cases, **_summary(counts)}
    summary["seconds"] = round(time.monotonic() - started, 1)
    print(json.dumps(summary, indent=2))
    if arguments.report is not None:
        with arguments.report.open("a", encoding="utf-8") as report:
            report.write(f"{json.dumps(summary)}\n")
    return 1 if counts.findings else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000, metavar="N")
    parser.add_argument("--seed", type=int, required=True, metavar="S")
    parser.add_argument("--first", type=int, default=0, metavar="NUMBER", help="the number of the first case")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="run this case alone, and show it")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="W")
    parser.add_argument("--patience", type=float, default=5.0, metavar="SECONDS", help="how long a case may take")
    parser.add_argument("--report", type=Path, metavar="FILE")
    return parser


def _summary(counts: Counts) -> dict[str, Any]:
    return {
        "sorts": dict(sorted(counts.sorts.items())),
        "codes": dict(sorted(counts.codes.items())),
        "checked": dict(sorted(counts.checked.items())),
        "peers": {"misbehaved": counts.peers[True], "behaved": counts.peers[False]},
        "seconds_by_sort": {name: round(total, 1) for name, total in sorted(counts.seconds.items())},
        "slowest": {"seconds": round(counts.slowest[0], 2), "case": counts.slowest[1]},
        "most_memory": {"MiB": round(counts.most_memory[0]), "case": counts.most_memory[1]},
        "broken": [asdict(finding) for finding in sorted(counts.findings, key=lambda each: each.number)],
    }


def _show(worker: Worker, number: int) -> int:
    result = worker.run(number)
    outcome = result.outcome
    print(f"{outcome.words}\nexit code {outcome.code}, {outcome.seconds:.2f} s, {outcome.memory:.0f} MiB")
    for name in sorted(path.name for path in worker.directory.iterdir() if path.is_file()):
        print(f"--- {name}\n{(worker.directory / name).read_bytes()!r}")
    print("\n".join(result.wrong) or "no rule is broken")
    return 1 if result.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
