"""When a node has set an alarm, and when it has begun to listen, by its log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

_ALARM = re.compile(r"^(\S+ \S+) \[\w+\] \S+ \w+ resource limit alarm set on node", re.MULTILINE)
_LISTENS = re.compile(r"^(\S+ \S+) \[\w+\] \S+ started TCP listener on", re.MULTILINE)


def alarms_in(log: Path) -> Iterator[float]:
    """Yield when a node has set an alarm, in seconds since the epoch."""
    return _times(_ALARM, log)


def listeners_in(log: Path) -> Iterator[float]:
    """Yield when a node has begun to listen for clients, in seconds since the epoch."""
    return _times(_LISTENS, log)


def _times(line: re.Pattern[str], log: Path) -> Iterator[float]:
    for time in line.findall(log.read_text("utf-8", "replace")):
        yield datetime.fromisoformat(time).timestamp()
