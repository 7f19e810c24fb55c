"""A release is run in pieces, each of which leaves a line."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.faults.release.__main__ import main
from tests.faults.release.figure import Figure
from tests.faults.release.parts import PARTS, Part
from tests.faults.release.piece import Piece
from tests.faults.release.runner import Runner, StoppedError

#: A command that does what it is told, and then reports the sum of two numbers.
SCRIPT = """
import sys
exec(sys.argv[1])
with open(sys.argv[-1], "a") as report:
    report.write('{"sum": 3}\\n')
"""


@dataclass(frozen=True)
class Scripted:
    """A part of a release that does what it is told."""

    directory: Path
    acts: Sequence[str]
    longest: float = 100.0
    name: str = "scripted"
    lanes: int = 1

    def missing(self, lines: Sequence[dict[str, Any]]) -> Iterator[Piece]:
        """Yield a piece for each act."""
        there = {line["piece"] for line in lines}
        for number, act in enumerate(self.acts):
            if f"act {number}" not in there:
                yield Piece(
                    *("scripted", f"act {number}", ("script", act), self.longest),
                    env={"PYTHONPATH": str(self.directory)},
                )

    def summary(self, lines: Sequence[dict[str, Any]]) -> Iterator[Figure]:
        """Yield how many lines there are."""
        yield Figure("lines", f"{len(lines)}")

    def beyond(self, lines: Sequence[dict[str, Any]]) -> list[str]:
        """Return a word if one of its sums is too large."""
        return ["4 is too much"] if any(line.get("sum") == 4 for line in lines) else []


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Give a directory with the script."""
    (tmp_path / "script.py").write_text(SCRIPT)
    return tmp_path


def lines(directory: Path) -> list[dict[str, Any]]:
    """Read the report."""
    return [json.loads(line) for line in (directory / "report").read_text().splitlines()]


def release(part: Scripted, *words: str) -> int:
    """Run a part, and return the exit code."""
    return main(["--report", str(part.directory / "report"), *words], [part])


def test_a_release_runs_what_is_missing(directory: Path) -> None:
    """Then it is enough, and nothing is run again."""
    assert [release(Scripted(directory, ["0", "1"])) for _ in range(2)] == [0, 0]
    assert [(line["piece"], line["sound"], line["sum"]) for line in lines(directory)] == [
        ("act 0", True, 3),
        ("act 1", True, 3),
    ]


def test_a_line_tells_what_runs_it_again(directory: Path) -> None:
    """The whole command, and with what it ran."""
    release(Scripted(directory, ["0"]))
    [line] = lines(directory)
    assert line["command"] == f"PYTHONPATH={directory} python -m script 0"
    assert line["commit"]
    assert line["rabbitmq"][0].isdigit()


def test_a_slice_by_hand_counts_for_nothing(directory: Path) -> None:
    """Though its line is in the same file."""
    (directory / "report").write_text('{"command": "python -m tests.faults", "sound": false}\n')
    assert release(Scripted(directory, ["0"])) == 0


def test_a_budget_that_ends_before_it_is_enough_is_no_success(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No piece is begun that would not end within it, and the exit code says that there is more to do."""
    assert release(Scripted(directory, ["0"]), "--budget", "1") == 75
    assert "enough for a release of scripted: no" in capsys.readouterr().out
    assert not (directory / "report").exists()


def test_a_piece_that_fails_makes_a_release_unsound(directory: Path) -> None:
    """The others are run all the same."""
    failing = "import atexit, os; atexit.register(os._exit, 1)"
    assert release(Scripted(directory, [failing, "0"])) == 1
    assert [(line["sound"], "unread" in line) for line in lines(directory)] == [(False, False), (True, False)]


def test_a_piece_that_leaves_no_line_ends_a_release(directory: Path) -> None:
    """As would the next one."""
    assert release(Scripted(directory, ["sys.exit(0)", "0"])) == 1
    assert [line["unread"] for line in lines(directory)] == ["exit code 0 without a report"]


def test_a_piece_that_hangs_is_ended(directory: Path) -> None:
    """And nobody knows what came of it."""
    part = Scripted(directory, ["import threading; threading.Event().wait()"], longest=0.25)
    assert release(part) == 1
    assert [line["unread"] for line in lines(directory)] == ["longer than 1 s"]


def test_a_figure_beyond_its_limit_fails_a_release(directory: Path) -> None:
    """Though each of its lines is sound."""
    part = Scripted(directory, ["open(sys.argv[-1], 'a').write('{\"sum\": 4}'); sys.argv[-1] = '/dev/null'"])
    assert release(part) == 1
    assert [line["sound"] for line in lines(directory)] == [True]


def test_what_is_stopped_is_ended_and_leaves_no_line() -> None:
    """It is no failure of what was to be shown."""
    runner = Runner()
    there, back = os.pipe()
    with ThreadPoolExecutor(1) as thread, os.fdopen(back, "wb") as stdout, os.fdopen(there, "rb") as told:
        act = "import threading; print(flush=True); threading.Event().wait()"
        running = thread.submit(runner.run, [sys.executable, "-c", act], {}, stdout=stdout, timeout=100)
        told.readline()
        runner.stop()
        with pytest.raises(StoppedError):
            running.result()
        with pytest.raises(StoppedError):
            runner.run([sys.executable, "-c", ""], {}, stdout=stdout, timeout=100)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_each_part_can_tell_of_what_nobody_knows(part: Part) -> None:
    """At the beginning, and when a piece has left no line."""
    piece = next(part.missing([]))
    unread = {"part": part.name, "piece": piece.name, "sound": False, "unread": "exit code 1 without a report"}
    for there in ([], [unread]):
        assert list(part.summary(there))
        assert part.beyond(there) == []
    assert piece.name not in {each.name for each in islice(part.missing([unread]), 3)}


def test_pieces_have_names_of_their_own() -> None:
    """By which it is known what is missing."""
    _, fuzz, soak, reconnects, crashes = PARTS
    for part, least in ((fuzz, 20), (soak, 1), (reconnects, 1), (crashes, 20)):
        names = [piece.name for piece in part.missing([])]
        assert len(names) == len(set(names)) >= least
