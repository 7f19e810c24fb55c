"""A piece of a release: its command, and the line that comes of it."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.origin import origin
from tests.faults.release.runner import OverdueError, Runner

#: After so many times as long as it should take at most, a piece hangs.
_PATIENCE = 4.0


@dataclass(frozen=True, slots=True)
class Piece:
    """A command, as which part of a release it is run, and by which name it is known there."""

    part: str
    name: str
    #: What follows `python -m`.
    words: tuple[str, ...]
    #: Seconds that it takes at most, about.
    longest: float
    #: Whether it appends a line of JSON to the file that --report names.
    has_report: bool = True
    env: Mapping[str, str] = field(default_factory=dict)

    def run(self, runner: Runner) -> dict[str, Any]:
        """Run it, and return its line; what it prints is shown if it fails.

        Raises:
            StoppedError: it was ended meanwhile.
        """
        with tempfile.TemporaryDirectory(prefix="amqptool-release-") as directory:
            report, stdout = Path(directory, "report"), Path(directory, "stdout")
            words = [*self.words, *(["--report", str(report)] if self.has_report else [])]
            line = {"part": self.part, "piece": self.name, **origin(self.words, self.env)}
            with stdout.open("wb") as output:
                try:
                    code = runner.run(
                        [sys.executable, "-m", *words], self.env, stdout=output, timeout=_PATIENCE * self.longest
                    )
                except OverdueError:
                    return {**line, "sound": False, "unread": f"longer than {_PATIENCE * self.longest:g} s"}
            if code:
                sys.stderr.write(stdout.read_text("utf-8", "replace"))
            found = self._found(report, code)
            return {**line, **found, "sound": code == 0 and "unread" not in found}

    def _found(self, report: Path, code: int) -> dict[str, Any]:
        if not self.has_report:
            return {}
        if not report.exists():
            return {"unread": f"exit code {code} without a report"}
        found: dict[str, Any] = json.loads(report.read_text("utf-8"))
        return {name: value for name, value in found.items() if name != "command"}
