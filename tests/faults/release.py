"""Run slices under faults until they are enough for a release; exit code 1 if one of them is not sound.

Each slice has a seed of its own, and the next ones go on from what is in the report; --summary only tells what that is.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Lock

from tests.faults.totals import Totals

#: What a release takes.
_MESSAGES, _FAULTS = 1_000_000, 1_000
#: How much of it is in one slice, and how many run at a time: they mostly wait.
_SLICE = ("--messages", "20000", "--faults", "20")
_LANES = 2
#: Seconds that a slice takes at most, about: none is begun that would not end within the budget.
_LONGEST_SLICE = 400.0
#: What the slices run on, in turns.
_PLACES = (
    ("--queue", "classic", "--store", "sqlite"),
    ("--queue", "quorum", "--store", "sqlite"),
    ("--queue", "quorum", "--store", "postgresql"),
    ("--queue", "classic", "--store", "redis"),
    ("--queue", "quorum", "--store", "sqlite", "--nodes", "3"),
)


class Release:
    """Runs the slices that are missing in a report."""

    def __init__(self, report: Path, budget: float) -> None:
        self._report = report
        self._end = time.monotonic() + budget
        self._lock = Lock()
        before = Totals.read(report).seeds
        self._seeds = (seed for seed in count(1) if seed not in before)

    def run(self) -> None:
        """Run slices until there are enough of them, or the time is over; Ctrl-C reaches those that run, too."""
        with ThreadPoolExecutor(_LANES) as lanes:
            working = [lanes.submit(self._work) for _ in range(_LANES)]
            try:
                for lane in working:
                    lane.result()
            except KeyboardInterrupt:
                self._end = 0.0
                raise

    def _work(self) -> None:
        for seed in self._missing():
            words = [*_SLICE, *_PLACES[seed % len(_PLACES)], "--seed", str(seed)]
            command = [sys.executable, "-m", "tests.faults", *words, "--report", str(self._report)]
            started = time.monotonic()
            done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
            what = "not sound" if done.returncode else "sound"
            print(f"{' '.join(words)}: {what}, {time.monotonic() - started:.0f} s", flush=True)

    def _missing(self) -> Iterator[int]:
        while time.monotonic() + _LONGEST_SLICE < self._end:
            with self._lock:
                totals = Totals.read(self._report)
                if totals.messages >= _MESSAGES and totals.faults >= _FAULTS:
                    return
                seed = next(self._seeds)
            yield seed


def main(words: list[str]) -> int:
    """Run what is missing, and print the sum."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.release", description=__doc__)
    parser.add_argument("--report", type=Path, default=Path("faults.jsonl"), metavar="FILE")
    parser.add_argument("--budget", type=float, default=180.0, metavar="MINUTES")
    parser.add_argument("--summary", action="store_true")
    arguments = parser.parse_args(words)
    if not arguments.summary:
        Release(arguments.report, arguments.budget * 60).run()
    totals = Totals.read(arguments.report)
    for line in totals.lines():
        print(line)
    return 1 if totals.unsound else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
