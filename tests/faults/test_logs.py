"""Logs tell how soon commands have told of faults."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.alarms import alarms_in
from tests.faults.attended import Attended
from tests.faults.logs import waits

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
START = NOW.timestamp()


def command(directory: Path, *told: tuple[float, str]) -> Attended:
    """Make a command that has told this, each so many seconds after the start, among lines of another kind."""
    log = directory / "command.log"
    records = [{"time": datetime.fromtimestamp(START + at, UTC).isoformat(), "message": text} for at, text in told]
    log.write_text("".join(["no JSON\n", *(f"{json.dumps(record)}\n" for record in records)]))
    return Attended([], env={}, log=log, expected=())


def test_the_first_word_about_a_fault_counts(tmp_path: Path) -> None:
    """Not those before it, nor those about something else."""
    made = command(tmp_path, (-1, "blocked"), (1, "other"), (2, "blocked"), (3, "blocked"))
    assert list(waits(made, [(START, START + 5)], lambda text: text == "blocked")) == [2]


def test_a_word_that_comes_after_a_fault_is_not_about_it(tmp_path: Path) -> None:
    """It was over before anybody noticed."""
    assert list(waits(command(tmp_path, (6, "blocked")), [(START, START + 5)], lambda text: text == "blocked")) == []


def test_the_log_of_a_node_tells_when_it_has_set_an_alarm(tmp_path: Path) -> None:
    """Of memory or of disk."""
    log = tmp_path / "node.log"
    log.write_text(
        "2026-11-26 09:00:00.500000+00:00 [warning] <0.479.0> memory resource limit alarm set on node a@b.\n"
        "2026-11-26 09:00:01.000000+00:00 [warning] <0.479.0> memory resource limit alarm cleared on node a@b\n"
        "2026-11-26 09:00:02.000000+00:00 [warning] <0.479.0> disk resource limit alarm set on node a@b.\n"
    )
    assert list(alarms_in(log)) == [START + 0.5, START + 2]
