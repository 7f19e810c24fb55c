"""Receipts are read as they were meant, also while they are being written."""

from __future__ import annotations

import json
from pathlib import Path

from tests.faults.receipts import Receipts


def test_the_last_receipt_of_a_message_counts(tmp_path: Path) -> None:
    """But what was confirmed once is confirmed, and a line that is not whole yet is left for later."""
    told = [("a", "in_doubt"), ("b", "confirmed"), ("a", "confirmed"), ("b", "in_doubt"), ("c", "nacked")]
    lines = [{"run": "r"}, *({"id": name, "line": 1, "outcome": outcome} for name, outcome in told)]
    path = tmp_path / "receipts.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines) + '{"id": "d", "li')
    assert Receipts(path).outcomes() == {"a": "confirmed", "b": "confirmed", "c": "nacked"}
    assert Receipts(path).confirmed() == {"a", "b"}


def test_what_was_confirmed_by_a_moment_is_told(tmp_path: Path) -> None:
    """Nothing, before the file was there."""
    path = tmp_path / "receipts.jsonl"
    receipts = Receipts(path)
    receipts.note(1.0)
    path.write_text('{"run": "r"}\n{"id": "a", "outcome": "confirmed"}\n{"id": "b", "outcome": "unroutable"}\n')
    receipts.note(2.0)
    before = receipts.size
    with path.open("a") as file:
        file.write('{"id": "b", "outcome": "confirmed"}\n')
    assert [receipts.confirmed(by=at) for at in (0.5, 1.5, 2.0)] == [set(), set(), {"a"}]
    assert receipts.confirmed() == {"a", "b"}
    assert receipts.since(before) == b'{"id": "b", "outcome": "confirmed"}\n'


def test_there_are_none_before_a_publisher_has_begun(tmp_path: Path) -> None:
    """It is no error to ask."""
    receipts = Receipts(tmp_path / "receipts.jsonl")
    assert (receipts.size, receipts.outcomes()) == (0, {})
