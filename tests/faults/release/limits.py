"""Figures, and what they may be at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.faults.release.figure import Figure

#: So many samples are needed to tell the largest hundredth from the largest.
_ENOUGH_FOR_A_SHARE = 100


@dataclass(frozen=True, slots=True)
class Limit:
    """What a share of some figures may be at most: by default all of them."""

    name: str
    samples: Sequence[float]
    most: float
    share: float = 1.0

    @property
    def is_exceeded(self) -> bool:
        """Whether it is more; of a share smaller than 1 nobody knows before there are enough of them."""
        if not self.samples or (self.share < 1 and len(self.samples) < _ENOUGH_FOR_A_SHARE):
            return False
        return quantile(self.samples, self.share) > self.most

    @property
    def figure(self) -> Figure:
        """The samples beside their limit."""
        which = "max" if self.share == 1 else f"p{self.share * 100:g}"
        return Figure(self.name, spread(self.samples), f"{which} ≤ {self.most:g}")


def quantile(samples: Sequence[float], share: float) -> float:
    """Return what this share of some samples does not exceed."""
    return sorted(samples)[min(len(samples) - 1, int(len(samples) * share))]


def spread(samples: Sequence[float]) -> str:
    """Return half, most and all of some samples, in words."""
    if not samples:
        return "no samples"
    half, most, last = (quantile(samples, share) for share in (0.5, 0.99, 1.0))
    return f"p50 {half:.2f}, p99 {most:.2f}, max {last:.2f} ({len(samples):,})"
