"""Run a slice under faults: `python -m tests.faults --messages N --faults M --seed S`; exit code 1 if it is not sound.

The same numbers give the same faults again. With --report, a line of JSON about the slice is appended to a file.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from amqptool.broker.local import temporary
from amqptool.errors import AmqptoolError
from amqptool.testing import fresh_vhost
from tests.faults.attended import UnexpectedEndError
from tests.faults.run import Result, Slice, run
from tests.faults.schedule import Kind
from tests.faults.strikes import Struck
from tests.faults.world import StuckError


def main(words: list[str]) -> int:
    """Run a slice, and print what came of it."""
    arguments = _parser().parse_args(words)
    asked = Slice(
        messages=arguments.messages,
        faults=arguments.faults,
        seed=arguments.seed,
        queue_type=arguments.queue,
        kinds=tuple(Kind[name] for name in arguments.kinds),
    )
    directory = Path(tempfile.mkdtemp(prefix="amqptool-faults-"))
    started = time.monotonic()
    summary = _asked(asked) | _run(asked, directory)
    summary["seconds"] = round(time.monotonic() - started, 1)
    print(json.dumps(summary, indent=2))
    if arguments.report is not None:
        with arguments.report.open("a", encoding="utf-8") as report:
            report.write(f"{json.dumps(summary)}\n")
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
    parser.add_argument(
        "--kinds", nargs="+", choices=[kind.name for kind in Kind], default=[kind.name for kind in Kind]
    )
    parser.add_argument("--report", type=Path, metavar="FILE")
    return parser


def _run(asked: Slice, directory: Path) -> dict[str, Any]:
    try:
        with temporary() as node, fresh_vhost(node) as url:
            return _summary(run(node, url, directory, asked))
    except (StuckError, UnexpectedEndError, AmqptoolError, OSError) as error:
        return {"sound": False, "unread": f"{type(error).__name__}: {error}"}


def _asked(asked: Slice) -> dict[str, Any]:
    return {
        "seed": asked.seed,
        "messages": asked.messages,
        "faults": asked.faults,
        "queue": asked.queue_type,
        "kinds": [kind.name for kind in asked.kinds],
    }


def _summary(result: Result) -> dict[str, Any]:
    verdict = result.verdict
    return {
        "sound": result.is_sound,
        "acknowledged": verdict.acknowledged,
        "in_doubt": verdict.in_doubt,
        "recovered": verdict.recovered,
        "lost": sorted(verdict.lost),
        "unexpected": sorted(verdict.unexpected),
        "repeated": verdict.repeated,
        "widest_window": round(verdict.widest_window, 3),
        "unexplained": [f"{each.message} in process {each.process}" for each in verdict.unexplained],
        "surprises": result.surprises,
        "hit": dict(Counter(struck.kind.name for struck in result.struck if struck.has_hit)),
        "missed": dict(Counter(struck.kind.name for struck in result.struck if not struck.has_hit)),
        "slowest_recovery": _slowest(result.struck),
        "ends": result.ends,
    }


def _slowest(struck: list[Struck]) -> dict[str, float]:
    """Return the longest seconds from a healing to the next effect, by kind."""
    found: dict[str, float] = {}
    for each in struck:
        if each.recovery is not None:
            found[each.kind.name] = round(max(each.recovery, found.get(each.kind.name, 0.0)), 2)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
