"""What came of many slices together."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: What the reports of all slices tell by a number, or by a list that should be empty.
_NUMBERS = ("acknowledged", "deleted")
_LISTS = ("lost", "unexpected", "innocent", "acted_and_set_aside", "unexplained", "surprises")


@dataclass(frozen=True, slots=True)
class Totals:
    """The sum of the reports of some slices."""

    reports: Sequence[dict[str, Any]]

    @classmethod
    def read(cls, file: Path) -> Totals:
        """Read a file of reports, a line of JSON each, which may not be there yet."""
        lines = file.read_text("utf-8").splitlines() if file.exists() else []
        return cls([json.loads(line) for line in lines])

    @property
    def seeds(self) -> set[int]:
        """The seeds of the slices."""
        return {report["seed"] for report in self.reports}

    @property
    def messages(self) -> int:
        """How many messages were acted on, or were in doubt, in all slices that came to their end."""
        return sum(report["messages"] for report in self.reports if "unread" not in report)

    @property
    def faults(self) -> int:
        """How many faults there were somebody for."""
        return self._counted("hit").total()

    @property
    def unsound(self) -> list[int]:
        """The seeds of slices that are not sound."""
        return [report["seed"] for report in self.reports if not report["sound"]]

    def lines(self) -> Iterable[str]:
        """Yield what there is to tell."""
        yield f"{len(self.reports)} slices, {self.messages:,} messages, {self.faults:,} faults"
        yield f"slices: {_listed(Counter(_place(report) for report in self.reports))}"
        yield f"faults: {_listed(self._counted('hit'))}"
        for name in _NUMBERS:
            yield f"{name}: {sum(report.get(name, 0) for report in self.reports):,}"
        yield f"repeated: {_listed(self._counted('repeated'))}"
        for name in _LISTS:
            yield f"{name}: {sum(len(report.get(name, ())) for report in self.reports):,}"
        widest = max((report.get("widest_window", 0.0) for report in self.reports), default=0.0)
        yield f"widest window between an effect and the death of its process: {widest:g} s"
        yield f"publisher ended with: {_listed(self._ends('publisher'))}"
        yield f"workers ended with: {_listed(self._ends('worker'))}"
        yield f"blocked told after: {_spread([each for report in self.reports for each in report.get('blocked', ())])}"
        holes = [each for report in self.reports for each in report.get("black_hole", ())]
        yield f"black hole told after: {_spread(holes)}"
        yield from self._recoveries()
        yield f"not sound: {', '.join(f'seed {seed}' for seed in self.unsound) or 'none'}"

    def _counted(self, name: str) -> Counter[str]:
        return sum((Counter(report.get(name, {})) for report in self.reports), Counter())

    def _ends(self, beginning: str) -> Counter[str]:
        found: Counter[str] = Counter()
        for report in self.reports:
            for name, ends in report.get("ends", {}).items():
                if name.startswith(beginning):
                    found.update(ends)
        return found

    def _recoveries(self) -> Iterable[str]:
        samples: dict[str, list[float]] = {}
        for report in self.reports:
            for kind, seconds in report.get("recoveries", {}).items():
                samples.setdefault(kind, []).extend(seconds)
        for kind, seconds in sorted(samples.items()):
            yield f"a worker works again after {kind}: {_spread(seconds)}"


def _place(report: dict[str, Any]) -> str:
    return f"{report['queue']}/{report['store']}/{report['nodes']}"


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) or "none"


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "no samples"
    ordered = sorted(seconds)
    half, most = (ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99))
    return f"p50 {half:.2f} s, p99 {most:.2f} s, max {ordered[-1]:.2f} s ({len(ordered):,})"
