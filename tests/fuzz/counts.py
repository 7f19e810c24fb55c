"""What comes of cases: of one, and of many."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.fuzz.case import Outcome
from tests.fuzz.sorts import sort_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A case that broke rules."""

    number: int
    words: list[str]
    wrong: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a case, and what is wrong with that."""

    outcome: Outcome
    wrong: list[str]
    #: The check that had something to look at.
    checked: str | None
    has_peer: bool
    has_misbehaved: bool


@dataclass(slots=True, kw_only=True)
class Counts:
    """What came of cases."""

    sorts: Counter[str] = field(default_factory=Counter)
    codes: Counter[int] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    #: By the name of the check, for how many cases it had something to look at.
    checked: Counter[str] = field(default_factory=Counter)
    #: The peers that have misbehaved, and those that have not.
    peers: Counter[bool] = field(default_factory=Counter)
    slowest: tuple[float, int] = (0.0, -1)
    most_memory: tuple[float, int] = (0.0, -1)
    findings: list[Finding] = field(default_factory=list)

    def note(self, number: int, result: Result) -> None:
        """Count one case."""
        outcome = result.outcome
        self.sorts[sort_of(number)] += 1
        self.codes[outcome.code] += 1
        self.seconds[sort_of(number)] += outcome.seconds
        self.slowest = max(self.slowest, (outcome.seconds, number))
        self.most_memory = max(self.most_memory, (outcome.memory, number))
        if result.checked:
            self.checked[result.checked] += 1
        if result.has_peer:
            self.peers[result.has_misbehaved] += 1
        if result.wrong:
            self.findings.append(Finding(number=number, words=outcome.words, wrong=result.wrong))

    def add(self, other: Counts) -> None:
        """Add what another worker counted."""
        self.sorts += other.sorts
        self.codes += other.codes
        self.seconds += other.seconds
        self.checked += other.checked
        self.peers += other.peers
        self.slowest = max(self.slowest, other.slowest)
        self.most_memory = max(self.most_memory, other.most_memory)
        self.findings += other.findings
