"""What came of a slice, as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from tests.faults.checker import Reason
from tests.faults.logs import Told
from tests.faults.run import Result, Slice
from tests.faults.strikes.bring import Struck


def asked(part: Slice) -> dict[str, Any]:
    """Return what a slice was to be."""
    return {
        "seed": part.seed,
        "messages": part.messages,
        "faults": part.faults,
        "queue": part.queue_type,
        "store": part.store,
        "nodes": part.nodes,
        "longest": part.longest,
        "kinds": [kind.name for kind in part.kinds],
    }


def found(result: Result) -> dict[str, Any]:
    """Return what came of a slice."""
    verdict = result.verdict
    return {
        "sound": result.is_sound,
        "acknowledged": verdict.acknowledged,
        "lost": sorted(verdict.lost),
        "deleted": len(verdict.deleted),
        "unexpected": sorted(verdict.unexpected),
        "innocent": sorted(verdict.innocent),
        "acted_and_set_aside": sorted(verdict.acted_and_set_aside),
        "repeated": _repeated(verdict.repeated),
        "widest_window": round(verdict.widest_window, 3),
        "unexplained": [f"{each.message} in process {each.process}" for each in verdict.unexplained],
        "surprises": result.surprises,
        "hit": _counted(result.struck, has_hit=True),
        "missed": _counted(result.struck, has_hit=False),
        "recoveries": _recoveries(result.struck),
        "idle": sum(each.idle for each in result.struck),
        "blocked": _told(result.reactions.blocked),
        "black_hole": _told(result.reactions.black_hole),
        "ends": {name: dict(ends) for name, ends in result.ends.items()},
    }


def _repeated(counts: Mapping[tuple[Reason, bool], int]) -> dict[str, int]:
    return {
        f"{reason.name}_IN_TRANSACTION" if is_atomic else reason.name: count
        for (reason, is_atomic), count in counts.items()
    }


def _counted(struck: list[Struck], *, has_hit: bool) -> dict[str, int]:
    return dict(Counter(each.kind.name for each in struck if each.has_hit is has_hit))


def _recoveries(struck: list[Struck]) -> dict[str, list[float]]:
    """Return the seconds until each worker has had an effect again, by kind."""
    seconds: dict[str, list[float]] = {}
    for each in struck:
        seconds.setdefault(each.kind.name, []).extend(_rounded(each.recoveries))
    return {kind: each for kind, each in seconds.items() if each}


def _told(told: Told) -> dict[str, Any]:
    return {"after": _rounded(told.after), "of_long": told.of_long, "long": told.long}


def _rounded(seconds: list[float]) -> list[float]:
    return [round(each, 2) for each in seconds]
