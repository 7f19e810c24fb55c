"""What a release takes, in pieces."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from tests.faults.release.figure import Figure
from tests.faults.release.limits import Limit
from tests.faults.release.piece import Piece
from tests.faults.release.totals import Totals

_ROOT = Path(__file__).parents[3]

#: How much is in one slice, and seconds that one takes at most, about.
_SLICE, _LONGEST_SLICE = ("--messages", "20000", "--faults", "20"), 400.0
#: What slices run on, in turns.
_PLACES = (
    ("--queue", "classic", "--store", "sqlite"),
    ("--queue", "quorum", "--store", "sqlite"),
    ("--queue", "quorum", "--store", "postgresql"),
    ("--queue", "classic", "--store", "redis"),
    ("--queue", "quorum", "--store", "sqlite", "--nodes", "3"),
)

#: Fuzzed inputs, how many are in a piece, their seed, and seconds that a piece takes at most, about.
_CASES, _CASES_IN_PIECE, _FUZZ_SEED, _LONGEST_FUZZ = 100_000, 5_000, 1, 600.0
#: Seconds that a command may take over its input.
_LONGEST_CASE = 5.0

#: How many minutes a publisher and a worker run at full speed, and seconds that this takes at most, about.
_SOAK, _LONGEST_SOAK = "20", 1500.0
#: Whose growth is watched.
_PROCESSES = ("publisher", "worker")

#: How often connections are lost, and how often each window is hit.
_RECONNECTS, _CRASHES = 1000, 20


class Part(Protocol):
    """What can be gone on with, as long as a piece of it is missing."""

    @property
    def name(self) -> str:
        """What its lines call it."""
        ...

    @property
    def lanes(self) -> int:
        """How many of its pieces run at a time."""
        ...

    def missing(self, lines: Sequence[dict[str, Any]]) -> Iterator[Piece]:
        """Yield pieces that are not in its lines, perhaps without an end, if those are not enough."""
        ...

    def summary(self, lines: Sequence[dict[str, Any]]) -> Iterator[Figure]:
        """Yield what is in its lines."""
        ...

    def beyond(self, lines: Sequence[dict[str, Any]]) -> list[str]:
        """Return what in its lines is beyond a limit."""
        ...


@dataclass(frozen=True, slots=True)
class Slices:
    """Slices under faults, each with a seed of its own, until they have enough of everything."""

    name: str = "slices"
    #: They mostly wait.
    lanes: int = 2

    def missing(self, lines: Sequence[dict[str, Any]]) -> Iterator[Piece]:
        """Yield slices without an end, if there is too little of anything."""
        there = {line["piece"] for line in lines}
        if Totals(lines).missing:
            yield from (self._slice(seed) for seed in count(1) if f"seed {seed}" not in there)

    def summary(self, lines: Sequence[dict[str, Any]]) -> Iterator[Figure]:
        """Yield the totals, and what is missing."""
        totals = Totals(lines)
        yield from totals.figures()
        yield Figure("missing of slices", ", ".join(totals.missing) or "nothing", is_detail=True)

    def beyond(self, lines: Sequence[dict[str, Any]]) -> list[str]:
        """Return the figures that are too large."""
        return Totals(lines).beyond

    def _slice(self, seed: int) -> Piece:
        words = ("tests.faults", *_SLICE, *_PLACES[seed % len(_PLACES)], "--seed", str(seed))
        return Piece(self.name, f"seed {seed}", words, _LONGEST_SLICE)


@dataclass(frozen=True, slots=True)
class Fuzzing:
    """Fuzzed inputs, all of one seed."""

    name: str = "fuzz"
    lanes: int = 1

    def missing(self, lines: Sequence[dict[str, Any]]) -> Iterator[Piece]:
        """Yield pieces with other cases."""
        return _others(lines, [self._piece(first) for first in range(0, _CASES, _CASES_IN_PIECE)])

    def summary(self, lines: Sequence[dict[str, Any]]) -> Iterator[Figure]:
        """Yield how many cases there were, and what came of them."""
        read = [line for line in lines if "unread" not in line]
        yield Figure("fuzzed inputs", f"{sum(line['cases'] for line in read):,}", f"{_CASES:,}")
        yield Figure(
            "answered by a traceback, a secret, a wrong exit code or none, or with 200 MiB or more",
            f"{sum(len(line['broken']) for line in read):,}",
            "0",
        )
        yield self._slowest(lines).figure

    def beyond(self, lines: Sequence[dict[str, Any]]) -> list[str]:
        """Return how long the slowest took, if that is too long."""
        return [str(limit.figure) for limit in [self._slowest(lines)] if limit.is_exceeded]

    def _slowest(self, lines: Sequence[dict[str, Any]]) -> Limit:
        seconds = [line["slowest"]["seconds"] for line in lines if "unread" not in line]
        return Limit("the slowest input of each piece, s", seconds, _LONGEST_CASE)

    def _piece(self, first: int) -> Piece:
        numbers = ("--seed", str(_FUZZ_SEED), "--first", str(first), "--cases", str(_CASES_IN_PIECE))
        return Piece(self.name, f"cases from {first}", ("tests.fuzz", *numbers), _LONGEST_FUZZ)


@dataclass(frozen=True, slots=True)
class Soaking:
    """A publisher and a worker at full speed."""

    name: str = "soak"
    lanes: int = 1

    def missing(self, lines: Sequence[dict[str, Any]]) -> Iterator[Piece]:
        """Yield the only piece."""
        return _others(
            lines, [Piece(self.name, "at full speed", ("tests.faults.soak", "--minutes", _SOAK), _LONGEST_SOAK)]
        )

    def summary(self, lines: Sequence[dict[str, Any]]) -> Iterator[Figure]:
        """Yield what the processes held."""
        read = [line for line in lines if "unread" not in line]
        yield Figure("minutes at full speed", f"{sum(line['seconds'] for line in read) / 60:g}", _SOAK)
        for line in read:
            yield Figure("messages in these", f"{line['messages']:,}")
            for name in _PROCESSES:
                settled, since = line[name]["mib"]
                yield Figure(f"MiB that the {name} grew by after the second minute", f"{since - settled:.1f}", "< 5")

    def beyond(self, _lines: Sequence[dict[str, Any]]) -> list[str]:
        """Return nothing: what has grown is not sound."""
        return []


@dataclass(frozen=True, slots=True)
class Tests:
    """Tests of the suite, one at a time, with a variable that makes them do more."""

    name: str
    #: What they are, in words.
    what: str
    tests: Sequence[str]
    variable: str
    times: int
    #: Seconds that one takes at most, about.
    longest: float
    lanes: int = 1

    def missing(self, lines: Sequence[dict[str, Any]]) -> Iterator[Piece]:
        """Yield the other tests."""
        return _others(lines, [self._piece(test) for test in self.tests])

    def summary(self, lines: Sequence[dict[str, Any]]) -> Iterator[Figure]:
        """Yield how many of them have passed."""
        passed = sum(line["sound"] for line in lines)
        yield Figure(f"{self.what} that passed, with {self.times:,} each", f"{passed}", f"{len(self.tests)}")

    def beyond(self, _lines: Sequence[dict[str, Any]]) -> list[str]:
        """Return nothing: such a test fails."""
        return []

    def _piece(self, test: str) -> Piece:
        words = ("pytest", "-q", "-p", "no:cacheprovider", "-o", "timeout=0", test)
        return Piece(self.name, test, words, self.longest, has_report=False, env={self.variable: str(self.times)})


def _others(lines: Sequence[dict[str, Any]], pieces: Sequence[Piece]) -> Iterator[Piece]:
    there = {line["piece"] for line in lines}
    return (piece for piece in pieces if piece.name not in there)


def _tests(files: str, begin: str) -> list[str]:
    return [
        f"{file.relative_to(_ROOT).as_posix()}::{name}"
        for file in sorted((_ROOT / "tests" / "faults").glob(files))
        for name in re.findall(rf"^def ({begin}\w+)", file.read_text("utf-8"), re.MULTILINE)
    ]


#: All that a release takes.
PARTS: tuple[Part, ...] = (
    Slices(),
    Fuzzing(),
    Soaking(),
    Tests(
        *("reconnects", "tests of reconnects"),
        _tests("test_reconnects.py", "test_many"),
        *("AMQPTOOL_TEST_RECONNECTS", _RECONNECTS, 600.0),
    ),
    Tests(
        *("crashes", "tests of crashes at a step of a message"),
        _tests("crashes/test_*.py", r"test_w\d"),
        *("AMQPTOOL_TEST_CRASHES", _CRASHES, 600.0),
        lanes=3,  # they mostly wait, for processes to start
    ),
)
