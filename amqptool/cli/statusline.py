"""A line on a terminal that tells what a command is doing."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from amqptool.cli.live import LiveView, cut

if TYPE_CHECKING:
    from rich.text import Text

    from amqptool.cli.doings import Doing

#: Seconds between two looks, and how many looks the rate is an average of.
INTERVAL, LOOKS = 0.25, 20


class StatusLine(LiveView):
    """Shows on stderr what is being done."""

    def __init__(self, doing: Doing, *, color: bool | None = None) -> None:
        super().__init__(self._line, interval=INTERVAL, on_stderr=True, color=color)
        self._doing = doing
        self._looks: deque[tuple[float, int]] = deque(maxlen=LOOKS)

    def _line(self) -> Text:
        self._looks.append((time.monotonic(), self._doing.done))
        return cut(self._doing.line(self._rate()))

    def _rate(self) -> float:
        """Return how many messages were done in a second, as of late."""
        (began, before), (now, done) = self._looks[0], self._looks[-1]
        return (done - before) / (now - began) if now > began else 0.0
