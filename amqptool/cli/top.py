"""A table on a terminal that tells what goes by which exchange and routing key."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from amqptool.cli.live import LiveView, cut
from amqptool.cli.tapping import top_table

if TYPE_CHECKING:
    from rich.text import Text

    from amqptool.work.rates import RecentRates

#: Seconds between two looks.
INTERVAL = 1.0
#: Lines of the terminal that are not rows: the titles, and one for the cursor.
_OTHER_LINES = 2


class Top(LiveView):
    """Shows on stdout as many rows as fit, the most frequent first."""

    def __init__(self, rates: RecentRates, *, color: bool | None = None) -> None:
        super().__init__(self._table, interval=INTERVAL, on_stderr=False, color=color)
        self._rates = rates

    def _table(self) -> Text:
        rows = self._rates.look(time.monotonic())[: shutil.get_terminal_size().lines - _OTHER_LINES]
        return cut(top_table(rows))
