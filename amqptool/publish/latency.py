"""How long confirms took: a histogram of a fixed size."""

from __future__ import annotations

from math import log

#: The seconds of the first bucket, and how much wider each one is than the one before: the error of an answer.
SHORTEST, GROWTH = 1e-5, 1.05
_BUCKETS = 500  # up to 4.5 days
_FACTOR = 1 / log(GROWTH)


class Latencies:
    """Counts durations, and tells which one so many of them stayed below."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._counts = [0] * _BUCKETS

    def add(self, seconds: float) -> None:
        """Count one duration."""
        if seconds > self.longest:
            self.longest = seconds
        bucket = int(log(seconds / SHORTEST) * _FACTOR) + 1 if seconds > SHORTEST else 0
        self._counts[bucket if bucket < _BUCKETS else -1] += 1

    def quantile(self, share: float) -> float:
        """Return what this share of the durations did not exceed, at most 5 % too high; 0 when there are none."""
        wanted, seen = share * sum(self._counts), 0
        for bucket, count in enumerate(self._counts):
            seen += count
            if count and seen >= wanted and bucket < _BUCKETS - 1:
                return min(SHORTEST * GROWTH**bucket, self.longest)
        return self.longest
