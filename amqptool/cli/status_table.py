"""How queues are doing, as a table for people."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from math import ceil, inf
from typing import TYPE_CHECKING

from rich.cells import cell_len

from amqptool.cli.columns import in_columns
from amqptool.units import rounded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from amqptool.broker.status import QueueStatus

_UNKNOWN, _NOTHING = "?", "-"
#: States that nobody needs to be told.
_USUAL = ("", "running", "idle")
#: Cells of a queue's name that a terminal must have room for; else, columns go, the first of these first.
_NAME_WIDTH = 24
_DISPENSABLE = ("BYTES", "OLDEST", "OUT/S", "IN/S", "DRAINED IN", "CONSUMERS")
_BYTES = ("B", "kB", "MB", "GB", "TB")
_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    cells: Sequence[str]
    is_number: bool = True

    @property
    def tells_something(self) -> bool:
        # That nothing flows is worth a column; that no age is known is not.
        return self.title == "READY" or bool(
            set(self.cells) - ({_UNKNOWN, _NOTHING} if self.title == "OLDEST" else {_UNKNOWN})
        )

    @property
    def width(self) -> int:
        return max(map(cell_len, (self.title, *self.cells)))


def status_table(queues: Sequence[QueueStatus], now: float, trends: Mapping[str, str] | None = None) -> str:
    """Return queues as lines below a line of titles, in columns that fit the terminal.

    What is not known of any queue has no column. `trends` are the sparklines of a table that is looked at for longer.
    """
    figures: dict[str, Callable[[QueueStatus], str]] = {
        "READY": lambda queue: _count(queue.ready),
        "UNACKED": lambda queue: _count(queue.unacked),
        "IN/S": lambda queue: _rate(queue.incoming),
        "OUT/S": lambda queue: _rate(queue.outgoing),
        "CONSUMERS": lambda queue: _count(queue.consumers),
        "BYTES": lambda queue: _size(queue.size),
        "OLDEST": lambda queue: _age(queue, now),
        "DRAINED IN": lambda queue: _drain(queue),
    }
    columns = [_Column(title, list(map(cell, queues))) for title, cell in figures.items()]
    names = [_Column("QUEUE", [_name(queue) for queue in queues], is_number=False)]
    if trends is not None:
        names.insert(0, _Column("TREND", [trends.get(queue.name, "") for queue in queues], is_number=False))
    columns = [*_fitting([column for column in columns if column.tells_something], names), *names]
    rows = [[column.title for column in columns], *zip(*(column.cells for column in columns), strict=True)]
    return in_columns(rows, right=[number for number, column in enumerate(columns) if column.is_number])


def sparkline(values: Sequence[int]) -> str:
    """Return numbers as bars, the largest of which is full."""
    most = max(values, default=0) or 1
    return "".join(_BARS[ceil(value / most * (len(_BARS) - 1))] for value in values)


def _fitting(columns: list[_Column], names: Sequence[_Column]) -> list[_Column]:
    """Leave out what a terminal has no room for, beside the beginning of each name."""
    if sys.stdout is None or not sys.stdout.isatty():
        return columns
    room = shutil.get_terminal_size().columns - sum(min(column.width, _NAME_WIDTH) for column in names)
    for title in _DISPENSABLE:
        if sum(column.width + 2 for column in columns) <= room:
            break
        columns = [column for column in columns if column.title != title]
    return columns


def _name(queue: QueueStatus) -> str:
    return queue.name if queue.state in _USUAL else f"{queue.name} ({queue.state})"


def _count(number: int | None) -> str:
    return _UNKNOWN if number is None else f"{number:,}"


def _rate(rate: float | None) -> str:
    if rate is None:
        return _UNKNOWN
    return f"{rate:.1f}" if 0 < rate < 10 else f"{rate:,.0f}"


def _size(size: float | None) -> str:
    if size is None:
        return _UNKNOWN
    number = 0
    while size >= 1000 and number < len(_BYTES) - 1:
        size, number = size / 1000, number + 1
    return f"{size:.1f}{_BYTES[number]}" if number else f"{size:.0f}B"


def _age(queue: QueueStatus, now: float) -> str:
    age = queue.age(now)
    if queue.ready == 0:
        return _NOTHING
    return _UNKNOWN if age is None else rounded(age)


def _drain(queue: QueueStatus) -> str:
    if queue.incoming is None:
        return _UNKNOWN
    seconds = queue.seconds_to_drain
    if seconds is None:
        return _NOTHING
    return "never" if seconds == inf else rounded(max(seconds, 1))
