"""The file of receipts of a publisher under faults, which is read while it is written."""

from __future__ import annotations

import json
from pathlib import Path

#: The outcome after which a message is not sent again.
_CONFIRMED = "confirmed"


class Receipts:
    """What became of each message, and how much of it was known when; the file need not be there yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        #: How long the file was, and when.
        self._sizes = [(float("-inf"), 0)]

    @property
    def size(self) -> int:
        """How long the file is."""
        return self._path.stat().st_size if self._path.exists() else 0

    def note(self, now: float) -> None:
        """Take note of how long the file is now, in seconds of any clock."""
        self._sizes.append((now, self.size))

    def since(self, size: int) -> bytes:
        """Return what was written since the file had a size."""
        with self._path.open("rb") as file:
            file.seek(size)
            return file.read()

    def outcomes(self, *, by: float = float("inf")) -> dict[str, str]:
        """Return what became of each message: that it was confirmed, or the last that was told.

        By a moment, it is what was in the file when that was noted the last time before.
        """
        if not self._path.exists():
            return {}
        size = max(noted for noted in self._sizes if noted[0] <= by)[1] if by < float("inf") else -1
        found: dict[str, str] = {}
        with self._path.open("rb") as file:
            for line in file.read(size).splitlines(keepends=True)[1:]:  # the first one names the run
                if line.endswith(b"\n"):  # else it is being written
                    receipt = json.loads(line)
                    if found.get(receipt["id"]) != _CONFIRMED:
                        found[receipt["id"]] = receipt["outcome"]
        return found

    def confirmed(self, *, by: float = float("inf")) -> frozenset[str]:
        """Return the messages that are confirmed, or were by a moment."""
        return frozenset(message for message, outcome in self.outcomes(by=by).items() if outcome == _CONFIRMED)
