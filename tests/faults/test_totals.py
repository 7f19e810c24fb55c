"""The reports of slices add up."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from tests.faults.release.limits import Limit
from tests.faults.release.parts import Slices
from tests.faults.release.totals import FAULTS, MESSAGES, Totals
from tests.faults.schedule import Kind

ALARM, HOLE = "a publisher tells of an alarm after, s", "a worker tells of a black hole after, s"
BACK = "a worker works again after a node is back, s"
EACH_KIND = {kind.name: FAULTS for kind in Kind}


def report(seed: int, **found: Any) -> dict[str, Any]:
    """Make the report of a sound slice."""
    asked = {"seed": seed, "messages": 100, "faults": 2, "queue": "quorum", "store": "sqlite", "nodes": 1}
    return {**asked, "sound": True, "hit": {"RESET": 1, "CUT": 1}, **found}


def test_messages_and_faults_are_summed() -> None:
    """None, as long as there are no slices."""
    assert (Totals([]).messages, Totals([]).faults) == (0, 0)
    totals = Totals([report(1), report(2)])
    assert (totals.messages, totals.faults) == (200, 4)


def test_messages_of_a_slice_that_is_not_sound_count_for_nothing() -> None:
    """Nor do its faults, if nobody knows what came of it."""
    unread = {name: value for name, value in report(2).items() if name != "hit"}
    totals = Totals([report(1), report(3, sound=False), {**unread, "sound": False, "unread": "StuckError"}])
    assert (totals.messages, totals.faults) == (100, 4)


def test_a_release_takes_enough_messages_and_faults_and_each_kind_of_fault() -> None:
    """What is missing is told."""
    assert Totals([report(1, messages=MESSAGES, hit=EACH_KIND)]).missing == []
    without_cut = {name: count for name, count in EACH_KIND.items() if name != "CUT"}
    assert Totals([report(1, messages=MESSAGES, hit=without_cut)]).missing == ["a CUT that hits"]
    few = dict.fromkeys(EACH_KIND, 1)
    assert Totals([report(1, hit=few)]).missing == ["999,900 messages", f"{FAULTS - len(Kind)} faults"]


def test_slices_are_missing_until_there_are_enough() -> None:
    """Of those, none that is there."""
    first = {"piece": "seed 1", **report(1)}
    assert [piece.name for piece in islice(Slices().missing([first]), 2)] == ["seed 2", "seed 3"]
    whole = {**first, "messages": MESSAGES, "hit": EACH_KIND}
    assert list(Slices().missing([whole])) == []


def test_it_tells_what_became_of_messages_and_how_soon_workers_work_again() -> None:
    """The spread of all samples together, and ends by exit code."""
    slices = [
        report(1, lost=["a"], sound=False, recoveries={"CUT": [0.5, 1.0]}, ends={"publisher": {"0": 1}}),
        report(
            2,
            lost=[],
            repeated={"LOSS": 3, "LOSS_IN_TRANSACTION": 1},
            missed={"KILL_PUBLISHER": 1},
            recoveries={"CUT": [2.0]},
            blocked={"after": [0.1], "of_long": 1, "long": 2},
            ends={"publisher": {"0": 1, "-9": 1}, "worker-1": {"0": 1}},
        ),
    ]
    lines = [str(figure) for figure in Totals(slices).figures()]
    assert lines[0] == "messages published under faults, and worked off: 100; wanted: 1,000,000"
    assert "2 slices: quorum/sqlite/1 2" in lines
    assert "faults that nobody met with: KILL_PUBLISHER 1" in lines
    assert "messages that the broker had confirmed, and that were lost: 1; wanted: 0" in lines
    assert "effects that came twice: the dedup store was lost: 3 (1 in a transaction)" in lines
    assert "publisher ended with: -9 1, 0 2" in lines
    assert "a worker works again after CUT: p50 1.00, p99 2.00, max 2.00 (3)" in lines
    assert "alarms of a second or more that the publisher has told of: 1 of 2" in lines
    assert f"{ALARM}: p50 0.10, p99 0.10, max 0.10 (1); wanted: max ≤ 1" in lines


@pytest.mark.parametrize(
    ("found", "beyond"),
    [
        ({"blocked": {"after": [0.1, 1.5]}}, f"{ALARM}: p50 1.50, p99 1.50, max 1.50 (2); wanted: max ≤ 1"),
        ({"black_hole": {"after": [32.0]}}, f"{HOLE}: p50 32.00, p99 32.00, max 32.00 (1); wanted: max ≤ 31"),
        (
            {"recoveries": {"KILL_BROKER": [1.0] * 98 + [7.0], "KILL_LEADER": [8.0]}},
            f"{BACK}: p50 1.00, p99 8.00, max 8.00 (100); wanted: p99 ≤ 6",
        ),
    ],
)
def test_a_figure_beyond_its_limit_is_told(found: dict[str, Any], beyond: str) -> None:
    """Whatever slice it is of."""
    assert Totals([report(1), report(2, **found)]).beyond == [beyond]


@pytest.mark.parametrize(
    ("samples", "share", "is_exceeded"),
    [
        ([1.0, 2.0], 1.0, False),
        ([1.0, 2.1], 1.0, True),
        ([1.0] * 199 + [9.0], 0.99, False),
        ([1.0] * 198 + [9.0] * 2, 0.99, True),
        ([9.0] * 99, 0.99, False),
        ([], 1.0, False),
    ],
)
def test_a_limit_is_for_a_share(samples: list[float], share: float, is_exceeded: bool) -> None:
    """Of which nobody can tell before there are enough samples."""
    assert Limit("name", samples, 2.0, share=share).is_exceeded is is_exceeded
