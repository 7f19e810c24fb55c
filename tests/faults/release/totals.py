"""What came of many slices together, and whether it is what a release takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.faults.checker import Reason
from tests.faults.release.figure import Figure
from tests.faults.release.limits import Limit, spread
from tests.faults.schedule import Kind

#: What a release takes.
MESSAGES, FAULTS = 1_000_000, 1_000
#: What the reports of all slices list, though there should be none of it.
_NONE_OF = {
    "lost": "messages that the broker had confirmed, and that were lost",
    "unexpected": "messages acted on that were never sent",
    "innocent": "messages dead-lettered whose handlers do not always fail",
    "acted_and_set_aside": "messages acted on, and dead-lettered too",
    "unexplained": "effects that came twice without an explanation, or in a transaction",
    "surprises": "anything else that should not be",
}
#: Seconds within which the publisher tells of an alarm.
_BLOCKED = 1.0
#: Seconds within which a worker tells of a black hole. The bound is 2 x (heartbeat + 5) seconds, which is 30 at the
#: heartbeat of 10 that commands have; one more is for noticing and for telling of it.
_BLACK_HOLE = 31.0
#: Seconds from a node's listening again to the next effect of each worker, but for one in a hundred.
_BACK = 6.0
#: After these a worker is back within that time.
_ENDS_OF_NODES = (Kind.KILL_BROKER, Kind.KILL_LEADER, Kind.RESTART_BROKER)


@dataclass(frozen=True, slots=True)
class Totals:
    """The sum of the reports of some slices."""

    reports: Sequence[dict[str, Any]]

    @property
    def messages(self) -> int:
        """How many messages were asked for in the slices that are sound."""
        return sum(report["messages"] for report in self.reports if report["sound"])

    @property
    def faults(self) -> int:
        """How many faults there were somebody for."""
        return self._counted("hit").total()

    @property
    def missing(self) -> list[str]:
        """What there is too little of for a release, in words."""
        short = [
            f"{wanted - there:,} {what}"
            for what, there, wanted in (("messages", self.messages, MESSAGES), ("faults", self.faults, FAULTS))
            if there < wanted
        ]
        never = sorted({kind.name for kind in Kind} - self._counted("hit").keys())
        return [*short, *(f"a {name} that hits" for name in never)]

    @property
    def beyond(self) -> list[str]:
        """The figures that are beyond their limits, in words."""
        return [str(limit.figure) for limit in self._limits() if limit.is_exceeded]

    def figures(self) -> Iterable[Figure]:
        """Yield what there is to tell."""
        yield Figure("messages published under faults, and worked off", f"{self.messages:,}", f"{MESSAGES:,}")
        hit = self._counted("hit")
        yield Figure(f"faults that struck, of {len(hit)} kinds", f"{self.faults:,}", f"{FAULTS:,} of {len(Kind)} kinds")
        for name, what in _NONE_OF.items():
            yield Figure(what, f"{self._listed_in(name):,}", "0")
        repeated = self._counted("repeated")
        for reason in Reason:
            alone, in_transaction = (repeated[name] for name in (reason.name, f"{reason.name}_IN_TRANSACTION"))
            yield Figure(f"effects that came twice: {reason.value}", f"{alone:,} ({in_transaction:,} in a transaction)")
        widest = max((report.get("widest_window", 0.0) for report in self.reports), default=0.0)
        yield Figure("widest window between an effect and the death of its process", f"{widest:g} s")
        yield from (limit.figure for limit in self._limits())
        yield from (figure._replace(is_detail=True) for figure in self._details(hit))

    def _details(self, hit: Counter[str]) -> Iterable[Figure]:
        places = Counter(_place(report) for report in self.reports if "queue" in report)
        yield Figure(f"{len(self.reports)} slices", _listed(places))
        yield Figure("faults", _listed(hit))
        yield Figure("faults that nobody met with", _listed(self._counted("missed")))
        for name in ("acknowledged", "deleted", "idle"):
            yield Figure(name, f"{sum(report.get(name, 0) for report in self.reports):,}")
        for name in ("publisher", "worker"):
            yield Figure(f"{name} ended with", _listed(self._ends(name)))
        yield Figure("alarms of a second or more that the publisher has told of", self._of_long("blocked"))
        yield Figure(f"black holes of {_BLACK_HOLE:g} s or more that a worker has told of", self._of_long("black_hole"))
        for kind, seconds in sorted(self._recoveries().items()):
            yield Figure(f"a worker works again after {kind}", spread(seconds))

    def _limits(self) -> list[Limit]:
        back = self._recoveries()
        return [
            Limit("a publisher tells of an alarm after, s", self._told_after("blocked"), _BLOCKED),
            Limit("a worker tells of a black hole after, s", self._told_after("black_hole"), _BLACK_HOLE),
            Limit(
                "a worker works again after a node is back, s",
                [each for kind in _ENDS_OF_NODES for each in back.get(kind.name, ())],
                _BACK,
                share=0.99,
            ),
        ]

    def _counted(self, name: str) -> Counter[str]:
        return sum((Counter(report.get(name, {})) for report in self.reports), Counter())

    def _listed_in(self, name: str) -> int:
        return sum(len(report.get(name, ())) for report in self.reports)

    def _told_after(self, name: str) -> list[float]:
        return [each for report in self.reports for each in report.get(name, {}).get("after", ())]

    def _of_long(self, name: str) -> str:
        told, there = (sum(report.get(name, {}).get(key, 0) for report in self.reports) for key in ("of_long", "long"))
        return f"{told:,} of {there:,}"

    def _ends(self, beginning: str) -> Counter[str]:
        found: Counter[str] = Counter()
        for report in self.reports:
            for name, ends in report.get("ends", {}).items():
                if name.startswith(beginning):
                    found.update(ends)
        return found

    def _recoveries(self) -> dict[str, list[float]]:
        samples: dict[str, list[float]] = {}
        for report in self.reports:
            for kind, seconds in report.get("recoveries", {}).items():
                samples.setdefault(kind, []).extend(seconds)
        return samples


def _place(report: dict[str, Any]) -> str:
    return f"{report['queue']}/{report['store']}/{report['nodes']}"


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) or "none"
