"""What was written down is read as it was meant, also while it is being written."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.faults.checker import Effect
from tests.faults.handlers import PIPE
from tests.faults.records import COPY, Growth, Records, attributed, confirmed_in, outcomes


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


def test_the_last_receipt_of_a_message_counts(tmp_path: Path) -> None:
    """But what was confirmed once is confirmed, and a line that is not whole yet is left for later."""
    told = [("a", "in_doubt"), ("b", "confirmed"), ("a", "confirmed"), ("b", "in_doubt"), ("c", "nacked")]
    lines = [{"run": "r"}, *({"id": name, "line": 1, "outcome": outcome} for name, outcome in told)]
    receipts = tmp_path / "receipts.jsonl"
    receipts.write_text("".join(f"{json.dumps(line)}\n" for line in lines) + '{"id": "d", "li')
    assert outcomes(receipts) == {"a": "confirmed", "b": "confirmed", "c": "nacked"}


def test_what_was_confirmed_by_a_moment_is_told_by_how_long_the_file_was(tmp_path: Path) -> None:
    """Nothing, before it was there."""
    receipts = tmp_path / "receipts.jsonl"
    growth = Growth(receipts)
    growth.note(1.0)
    receipts.write_text('{"run": "r"}\n{"id": "a", "outcome": "confirmed"}\n{"id": "b", "outcome": "unroutable"}\n')
    growth.note(2.0)
    with receipts.open("a") as file:
        file.write('{"id": "b", "outcome": "confirmed"}\n')
    growth.note(3.0)
    assert [confirmed_in(receipts, growth.size_at(at)) for at in (1.5, 2.0, 9.0)] == [set(), {"a"}, {"a", "b"}]
    assert confirmed_in(receipts) == {"a", "b"}


def test_an_effect_told_by_whoever_adopted_a_command_was_asked_for_by_the_last_that_was_killed() -> None:
    """Nobody knows by whom, if nobody was; and what a worker asked for itself stays its own."""
    effects = [Effect("a", 1, at=5.0), Effect("b", 2, at=5.0), Effect("c", 1, at=1.0), Effect("d", 3, at=9.0)]
    found = attributed(effects, started=[2, 3, 4], killed={2: 2.0, 3: 4.0, 4: 8.0})
    assert [effect.process for effect in found] == [3, 2, 1, 3]
