"""Logs tell how soon commands have told of faults."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.attended import Attended
from tests.faults.logs import Told, alone, told, waits
from tests.faults.node_log import alarms_in, listeners_in
from tests.faults.schedule import Kind
from tests.faults.strikes.bring import Struck

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
    assert list(waits(command(tmp_path, (6, "blocked")), [(START, START + 5)], lambda text: text == "blocked")) == [
        None
    ]


def test_what_is_never_told_counts_too() -> None:
    """If it lasted long enough to be told of; what was short may be told of, or not."""
    assert told([0.5, None, None, 2.0], [True, True, False, False]) == Told([0.5, 2.0], of_long=1, long=2)


def test_faults_count_that_came_alone() -> None:
    """A stopped worker, for one, does not notice that it is cut off; one that met with nobody does not matter."""
    hole, stop = Struck(Kind.BLACK_HOLE, True, at=10, lasted=40), Struck(Kind.STOP_WORKER, True, at=30, lasted=10)
    missed, later = Struck(Kind.RESET, False, at=70, lasted=1), Struck(Kind.BLACK_HOLE, True, at=60, lasted=30)
    assert alone([hole, stop, later, missed]) == [later]


def test_the_log_of_a_node_tells_when_it_has_set_an_alarm(tmp_path: Path) -> None:
    """Of memory or of disk."""
    log = tmp_path / "node.log"
    log.write_text(
        "2026-11-26 09:00:00.500000+00:00 [warning] <0.479.0> memory resource limit alarm set on node a@b.\n"
        "2026-11-26 09:00:01.000000+00:00 [warning] <0.479.0> memory resource limit alarm cleared on node a@b\n"
        "2026-11-26 09:00:02.000000+00:00 [warning] <0.479.0> disk resource limit alarm set on node a@b.\n"
    )
    assert list(alarms_in(log)) == [START + 0.5, START + 2]


def test_the_log_of_a_node_tells_when_it_listens(tmp_path: Path) -> None:
    """For AMQP, not for its management, nor when it stops."""
    log = tmp_path / "node.log"
    log.write_text(
        "2026-11-26 09:00:00.500000+00:00 [info] <0.724.0> Management plugin: HTTP listener started on port 1\n"
        "2026-11-26 09:00:01.000000+00:00 [info] <0.776.0> started TCP listener on 127.0.0.1:2\n"
        "2026-11-26 09:00:02.000000+00:00 [info] <0.776.0> stopped TCP listener on 127.0.0.1:2\n"
    )
    assert list(listeners_in(log)) == [START + 1]
