"""What was written down is read as it was meant, also while it is being written."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.faults.checker import Effect
from tests.faults.handlers import PIPE
from tests.faults.records import COPY, Records, outcomes


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
