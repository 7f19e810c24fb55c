"""The lines of a release, a JSON object each, and what to say of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amqptool.cli.exits import ExitCode
from tests.faults.release.figure import Figure
from tests.faults.release.parts import Part


@dataclass(frozen=True, slots=True)
class Report:
    """A file of lines, which may not be there yet."""

    file: Path
    parts: Sequence[Part]

    def of(self, part: Part) -> list[dict[str, Any]]:
        """Return the lines of a part."""
        return [line for line in self._lines() if line["part"] == part.name]

    def append(self, line: dict[str, Any]) -> None:
        """Add a line."""
        with self.file.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(line)}\n")

    def summary(self) -> Iterator[Figure]:
        """Yield what is in it, and whether that is what a release takes."""
        for part in self.parts:
            yield from part.summary(self.of(part))
        for name in ("commit", "rabbitmq"):
            counts = Counter(line[name] for line in self._lines())
            found = ", ".join(f"{value} ({count})" for value, count in sorted(counts.items()))
            yield Figure(name, found or "none", is_detail=True)
        yield Figure("not sound", ", ".join(self._unsound()) or "none", is_detail=True)
        yield Figure("beyond a limit", "; ".join(self._beyond()) or "none", is_detail=True)
        names = ", ".join(part.name for part in self.parts)
        yield Figure(f"enough for a release of {names}", "yes" if self._is_enough() else "no", is_detail=True)

    def exit_code(self) -> int:
        """Return 1 if something is wrong, 75 if something is missing, and 0 if it is what a release takes."""
        if self._unsound() or self._beyond():
            return 1
        return ExitCode.DONE if self._is_enough() else ExitCode.TRY_AGAIN

    def _lines(self) -> list[dict[str, Any]]:
        text = self.file.read_text("utf-8") if self.file.exists() else ""
        lines = [json.loads(line) for line in text.splitlines()]
        return [line for line in lines if "part" in line]  # others are of slices by hand

    def _unsound(self) -> list[str]:
        return [f"{line['part']} {line['piece']}" for line in self._lines() if not line["sound"]]

    def _beyond(self) -> list[str]:
        return [each for part in self.parts for each in part.beyond(self.of(part))]

    def _is_enough(self) -> bool:
        return all(next(part.missing(self.of(part)), None) is None for part in self.parts)
