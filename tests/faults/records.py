"""What handlers have written down.

Handlers write to a pipe, in which each line arrives whole, also that of a process that is killed just after it, and
which no limit on the size of files concerns.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from tests.faults.checker import Effect
from tests.faults.handlers import DEATH, PIPE

#: The file to which all lines are copied.
COPY = "records"
_END = b"end\n"


class Records:
    """Reads what handlers write, as it comes, in a thread of its own."""

    def __init__(self, directory: Path) -> None:
        self.effects: list[Effect] = []
        #: The processes that a handler ended, each with the time.
        self.deaths: dict[int, float] = {}
        os.mkfifo(directory / PIPE)
        # For writing too, so that the pipe has no end while nobody else has it open.
        self._pipe = os.open(directory / PIPE, os.O_RDWR)
        self._copy = (directory / COPY).open("wb")
        self._thread = threading.Thread(target=self._read, name="fault-records", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take note of what has come, and end."""
        os.write(self._pipe, _END)
        self._thread.join()
        self._copy.close()
        os.close(self._pipe)

    def _read(self) -> None:
        with os.fdopen(os.dup(self._pipe), "rb") as pipe:
            for line in iter(pipe.readline, _END):
                self._copy.write(line)
                self._note(*line.decode().split())

    def _note(self, kind: str, *words: str) -> None:
        if kind == DEATH:
            process, at = words
            self.deaths[int(process)] = float(at)
        else:
            worker, process, message, at = words
            self.effects.append(Effect(message, int(process), float(at), worker))


def attributed(effects: Iterable[Effect], started: Collection[int], killed: Mapping[int, float]) -> list[Effect]:
    """Return effects, each in the name of the process that asked for it.

    What a command did that was still starting when its process was killed is told in the name of whoever adopted it:
    it was asked for by the process that was killed last before it, if there is one.
    """
    found = []
    for effect in effects:
        asking = effect.process
        if asking not in started:
            asking = max(
                (at, process) for process, at in [(asking, float("-inf")), *killed.items()] if at <= effect.at
            )[1]
        found.append(replace(effect, process=asking))
    return found
