"""What was written down is read as it was meant, also while it is being written."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.faults.checker import Effect
from tests.faults.records import DEATHS, EFFECTS, INSERT, TABLE, Effects, atomic_effects, deaths, outcomes


def test_effects_are_read_as_they_come(tmp_path: Path) -> None:
    """A line that is not whole yet is left for later."""
    effects = Effects(tmp_path)
    assert effects.look() == []
    with (tmp_path / EFFECTS).open("a") as file:
        file.write("1 a 0.5\n2 b 1")
        file.flush()
        assert effects.look() == [Effect("a", 1, 0.5)]
        file.write(".5\n")
    assert effects.look() == [Effect("a", 1, 0.5), Effect("b", 2, 1.5)]


def test_effects_in_a_dedup_store_are_atomic(tmp_path: Path) -> None:
    """There are none as long as there is no store, or no table in it."""
    store = tmp_path / "dedup.db"
    assert atomic_effects(store) == []
    with closing(sqlite3.connect(store, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        assert atomic_effects(store) == []
        connection.execute(TABLE)
        connection.execute(INSERT, (1, "a", 0.5))
        assert atomic_effects(store) == [Effect("a", 1, 0.5, is_atomic=True)]


def test_processes_that_handlers_ended_are_known(tmp_path: Path) -> None:
    """None of them, as long as nothing was written."""
    assert deaths(tmp_path) == {}
    (tmp_path / DEATHS).write_text("1 0.5\n2 1.5\n")
    assert deaths(tmp_path) == {1: 0.5, 2: 1.5}


def test_the_last_receipt_of_a_message_counts(tmp_path: Path) -> None:
    """But what was confirmed once is confirmed."""
    told = [("a", "in_doubt"), ("b", "confirmed"), ("a", "confirmed"), ("b", "in_doubt"), ("c", "nacked")]
    lines = [{"run": "r"}, *({"id": name, "line": 1, "outcome": outcome} for name, outcome in told)]
    receipts = tmp_path / "receipts.jsonl"
    receipts.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert outcomes(receipts) == {"a": "confirmed", "b": "confirmed", "c": "nacked"}
