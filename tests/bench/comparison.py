"""One line of the benchmark's table."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    """One line of the table; a goal bounds the ratio: from above for times, from below for rates."""

    what: str
    ours: str
    theirs: str
    ratio: float
    at_most: float = math.inf
    at_least: float = 0.0

    @property
    def reached(self) -> bool:
        """Whether the ratio is within its bounds."""
        return self.at_least <= self.ratio <= self.at_most

    @property
    def goal(self) -> str:
        """The bound in words, and whether it was missed."""
        if not self.at_least and math.isinf(self.at_most):
            return "-"
        bound = f"≥ {self.at_least:g}" if self.at_least else f"≤ {self.at_most:g}"
        return bound if self.reached else f"{bound}, missed"
