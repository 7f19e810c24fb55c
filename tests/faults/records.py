"""What handlers and the publisher have written down, as it is read while they work and after they have ended."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.faults.checker import Effect

#: The files of effects and of processes that a handler ended, a line each.
EFFECTS, DEATHS = "effects", "deaths"
#: The table of effects, in a dedup store of SQLite.
TABLE = "CREATE TABLE IF NOT EXISTS effect (process INTEGER, message TEXT, at REAL)"
INSERT = "INSERT INTO effect VALUES (?, ?, ?)"
#: The outcome after which a message is not sent again.
_CONFIRMED = "confirmed"


class Effects:
    """Reads effects from a file as they come."""

    def __init__(self, records: Path) -> None:
        self._path = records / EFFECTS
        self._path.touch()
        self._position = 0
        self._read: list[Effect] = []

    def look(self) -> list[Effect]:
        """Return all that there are by now."""
        with self._path.open("rb") as file:
            file.seek(self._position)
            whole = file.read().rpartition(b"\n")[0]
        if whole:
            self._position += len(whole) + 1
            self._read += [_effect(line) for line in whole.decode().split("\n")]
        return self._read


def _effect(line: str) -> Effect:
    process, message, at = line.split(" ")
    return Effect(message, int(process), float(at))


def atomic_effects(store: Path) -> list[Effect]:
    """Return the effects that are in a dedup store, which may not be there yet."""
    if not store.exists():
        return []
    with closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True, timeout=60)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'effect'").fetchall():
            return []
        rows = connection.execute("SELECT process, message, at FROM effect").fetchall()
    return [Effect(message, process, at, is_atomic=True) for process, message, at in rows]


def deaths(records: Path) -> dict[int, float]:
    """Return the processes that were ended by a handler, each with the time."""
    path = records / DEATHS
    lines = path.read_text().splitlines() if path.exists() else []
    return {int(process): float(at) for process, at in (line.split(" ") for line in lines)}


def outcomes(receipts: Path) -> dict[str, str]:
    """Return what became of each message of a run that has ended: that it was confirmed, or the last that was told."""
    found: dict[str, str] = {}
    with receipts.open(encoding="utf-8") as lines:
        next(lines)  # names the run
        for line in lines:
            receipt = json.loads(line)
            if found.get(receipt["id"]) != _CONFIRMED:
                found[receipt["id"]] = receipt["outcome"]
    return found
