"""How many messages go by which exchange and routing key: bounded, whatever the number of keys; no clock of its own."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

#: Pairs of exchange and routing key that are counted one by one.
MAX_KEYS = 1000
#: Looks over which a rate is an average.
LOOKS = 5


class Row(NamedTuple):
    """What went by one exchange and key; by the others, where both are None."""

    exchange: str | None
    routing_key: str | None
    messages: int
    bytes: int


class Rates:
    """Counts messages and the bytes of their bodies.

    The first pairs that come have a count of their own; any more are counted together as the others.
    """

    def __init__(self, most: int = MAX_KEYS) -> None:
        self._most = most
        self._counts: dict[tuple[str, str], list[int]] = {}
        self._others = [0, 0]

    def add(self, exchange: str, routing_key: str, size: int) -> None:
        """Count a message."""
        count = self._counts.get((exchange, routing_key))
        if count is None:
            count = self._new(exchange, routing_key)
        count[0] += 1
        count[1] += size

    def _new(self, exchange: str, routing_key: str) -> list[int]:
        if len(self._counts) >= self._most:
            return self._others
        return self._counts.setdefault((exchange, routing_key), [0, 0])

    def rows(self) -> list[Row]:
        """Return the counts, the most messages first and the others last."""
        rows = [Row(*key, *count) for key, count in self._counts.items()]
        rows.sort(key=lambda row: -row.messages)
        return rows + ([Row(None, None, *self._others)] if self._others[0] else [])


class RecentRates:
    """Tells at each look the rate of each row as of late, in messages per second."""

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self._looks: deque[tuple[float, dict[tuple[str | None, str | None], int]]] = deque(maxlen=LOOKS + 1)

    def look(self, now: float) -> list[tuple[Row, float]]:
        """Return the rows and their rates."""
        rows = self._rates.rows()
        self._looks.append((now, {row[:2]: row.messages for row in rows}))
        then, before = self._looks[0]
        seconds = now - then
        return [(row, (row.messages - before.get(row[:2], 0)) / seconds if seconds > 0 else 0.0) for row in rows]
