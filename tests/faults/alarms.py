"""The log of a node."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

_ALARM = re.compile(r"^(\S+ \S+) \[\w+\] \S+ \w+ resource limit alarm set on node", re.MULTILINE)


def alarms_in(log: Path) -> Iterator[float]:
    """Yield when a node has set an alarm, by its log."""
    for time in _ALARM.findall(log.read_text("utf-8", "replace")):
        yield datetime.fromisoformat(time).timestamp()
