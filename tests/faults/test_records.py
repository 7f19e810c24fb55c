"""What was written down is read as it was meant, also while it is being written."""

from __future__ import annotations

import os
from pathlib import Path

from tests.faults.checker import Effect
from tests.faults.handlers import PIPE
from tests.faults.records import COPY, Records, attributed


def test_what_handlers_write_is_read_and_kept(tmp_path: Path) -> None:
    """Effects in their order, and the deaths of processes."""
    records = Records(tmp_path)
    pipe = os.open(tmp_path / PIPE, os.O_WRONLY)
    os.write(pipe, b"effect worker-1 1 a 0.5\ndeath 1 0.75\n")
    os.write(pipe, b"effect worker-2 2 b 1.5\n")
    os.close(pipe)
    records.close()
    assert records.effects == [Effect("a", 1, 0.5, "worker-1"), Effect("b", 2, 1.5, "worker-2")]
    assert records.deaths == {1: 0.75}
    assert len((tmp_path / COPY).read_text().splitlines()) == 3


def test_an_effect_told_by_whoever_adopted_a_command_was_asked_for_by_the_last_that_was_killed() -> None:
    """Nobody knows by whom, if nobody was; and what a worker asked for itself stays its own."""
    effects = [Effect("a", 1, at=5.0), Effect("b", 2, at=5.0), Effect("c", 1, at=1.0), Effect("d", 3, at=9.0)]
    found = attributed(effects, started=[2, 3, 4], killed={2: 2.0, 3: 4.0, 4: 8.0})
    assert [effect.process for effect in found] == [3, 2, 1, 3]
