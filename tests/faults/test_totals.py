"""The reports of slices add up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.faults.totals import Totals


def report(seed: int, **found: Any) -> dict[str, Any]:
    """Make the report of a sound slice."""
    asked = {"seed": seed, "messages": 100, "faults": 2, "queue": "quorum", "store": "sqlite", "nodes": 1}
    return {**asked, "sound": True, "hit": {"RESET": 1, "CUT": 1}, **found}


def test_messages_and_faults_are_summed_over_a_file(tmp_path: Path) -> None:
    """None, as long as there is no file."""
    file = tmp_path / "report"
    assert (Totals.read(file).messages, Totals.read(file).faults) == (0, 0)
    file.write_text("".join(f"{json.dumps(report(seed))}\n" for seed in (1, 2)))
    totals = Totals.read(file)
    assert (totals.messages, totals.faults, totals.seeds, totals.unsound) == (200, 4, {1, 2}, [])


def test_a_slice_without_a_result_counts_for_nothing_and_is_not_sound() -> None:
    """Nobody knows what became of its messages."""
    unread = {name: value for name, value in report(2).items() if name != "hit"}
    totals = Totals([report(1), {**unread, "sound": False, "unread": "StuckError"}])
    assert (totals.messages, totals.faults, totals.unsound) == (100, 2, [2])


def test_it_tells_what_became_of_messages_and_how_soon_workers_work_again() -> None:
    """The spread of all samples together, and ends by exit code."""
    slices = [
        report(1, lost=["a"], sound=False, recoveries={"CUT": [0.5, 1.0]}, ends={"publisher": {"0": 1}}),
        report(2, lost=[], recoveries={"CUT": [2.0]}, ends={"publisher": {"0": 1, "-9": 1}, "worker-1": {"0": 1}}),
    ]
    lines = list(Totals(slices).lines())
    assert lines[0] == "2 slices, 200 messages, 4 faults"
    assert "lost: 1" in lines
    assert "publisher ended with: -9 1, 0 2" in lines
    assert "a worker works again after CUT: p50 1.00 s, p99 2.00 s, max 2.00 s (3)" in lines
    assert lines[-1] == "not sound: seed 1"
