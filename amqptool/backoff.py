"""How long to wait before trying again: longer each time, and never at the same moment as everybody else."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double from `first` to `longest` seconds, each shortened by chance to no less than a half."""

    first: float
    longest: float

    def after(self, failures: int, chance: float) -> float:
        """Return the seconds to wait after so many failures in a row, from 1; `chance` is from 0 to 1."""
        wait: float = min(self.longest, self.first * 2 ** min(failures - 1, 30))
        return wait * (1 - chance / 2)
