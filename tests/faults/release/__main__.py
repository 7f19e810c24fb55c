"""Run all that a release takes, as far as it is not in the report: `python -m tests.faults.release --report FILE`.

These are slices under faults, up to a million messages and a thousand faults, in which each kind of fault has hit; a
hundred thousand fuzzed inputs; twenty minutes at full speed; a thousand reconnects; and twenty crashes in each
window. Each piece adds a line of JSON to the report, with the command that runs it again. No piece is begun that would
not end within the budget.

Limits are: the publisher tells of an alarm within 1 second; a worker tells of a black hole within 31, which are
2 x (heartbeat + 5) at the heartbeat of 10, and one to notice; of a hundred workers 99 are at work within 6 seconds of a
node's listening again; and a command takes 5 over its input.

The exit code is 0 if the report has all of it, and all is well; 1 if something was lost, unexplained, not read or
beyond a limit; and 75 if all is well but something is missing: the same command goes on.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

from amqptool.cli.exits import ExitCode
from tests.faults.release.parts import PARTS, Part
from tests.faults.release.piece import Piece
from tests.faults.release.report import Report
from tests.faults.release.runner import Runner, StoppedError


class Release:
    """Runs the pieces that are missing in a report."""

    def __init__(self, report: Report, budget: float) -> None:
        self._report = report
        self._end = time.monotonic() + budget
        self._runner = Runner()
        self._lock = Lock()
        self._begun: set[tuple[str, str]] = set()

    def run(self) -> None:
        """Run pieces until there are enough of them, or the time is over, or nobody knows what came of one."""
        for part in self._report.parts:
            with ThreadPoolExecutor(part.lanes) as lanes:
                working = [lanes.submit(self._work, part) for _ in range(part.lanes)]
                try:
                    for lane in working:
                        lane.result()
                except BaseException:
                    self._runner.stop()
                    raise

    def _work(self, part: Part) -> None:
        while (piece := self._next(part)) is not None:
            started = time.monotonic()
            try:
                line = piece.run(self._runner)
            except StoppedError:
                return
            with self._lock:
                self._report.append(line)
                if "unread" in line:  # which may be so with all others
                    self._end = 0.0
            print(f"{line['command']}: {_word(line)}, {time.monotonic() - started:.0f} s", flush=True)

    def _next(self, part: Part) -> Piece | None:
        with self._lock:
            missing = part.missing(self._report.of(part))
            piece = next((each for each in missing if (each.part, each.name) not in self._begun), None)
            if piece is None or time.monotonic() + piece.longest > self._end:
                return None
            self._begun.add((piece.part, piece.name))
            return piece


def _word(line: dict[str, object]) -> str:
    return "sound" if line["sound"] else f"not sound: {line.get('unread', 'see the report')}"


def main(words: Sequence[str], parts: Sequence[Part] = PARTS) -> int:
    """Run what is missing, and print what there is."""
    arguments = _parser([part.name for part in parts]).parse_args(words)
    report = Report(arguments.report, [part for part in parts if part.name in arguments.parts])
    if not arguments.summary:
        try:
            Release(report, arguments.budget * 60).run()
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return ExitCode.INTERRUPTED
    for figure in report.summary():
        print(figure)
    return report.exit_code()


def _parser(names: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.release",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--report", type=Path, default=Path("faults.jsonl"), metavar="FILE")
    parser.add_argument("--budget", type=float, default=180.0, metavar="MINUTES")
    parser.add_argument("--parts", nargs="+", choices=names, default=names, metavar="PART", help=", ".join(names))
    parser.add_argument("--summary", action="store_true", help="only tell what is in the report")
    return parser


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):  # either way nothing is left running
        signal.signal(number, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
