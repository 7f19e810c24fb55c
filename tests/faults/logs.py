"""How soon commands have told of faults in their logs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.faults.attended import Attended
from tests.faults.schedule import Kind
from tests.faults.strikes.bring import Struck
from tests.faults.world import World

#: How a node's log begins, and what it says of an alarm.
_ALARM = re.compile(r"(\S+ \S+) \[\w+\] \S+ \w+ resource limit alarm set on node", re.MULTILINE)
_BLOCKED, _CONNECTING = "blocked by the broker", "connecting again"


@dataclass(frozen=True, slots=True)
class Reactions:
    """Seconds until commands have told of a fault that lasted long enough, one for each that has told."""

    #: From an alarm to the publisher's word that it is blocked.
    blocked: list[float]
    #: From the beginning of a black hole to a worker's word that it is cut off.
    black_hole: list[float]


def reactions(world: World, struck: list[Struck]) -> Reactions:
    """Read the logs of a run; those of a node are there since the start before the last."""
    logs = [log for site in world.sites for log in (site.node.directory / "log").glob("*.log")]
    alarms = [alarm for log in logs for alarm in alarms_in(log)]
    holes = [(each.at, each.at + each.lasted) for each in struck if each.kind is Kind.BLACK_HOLE]
    return Reactions(
        blocked=list(waits(world.publisher, [(at, at + 60) for at in alarms], lambda text: text.startswith(_BLOCKED))),
        black_hole=[
            wait for each in world.workers for wait in waits(each, holes, lambda text: text.endswith(_CONNECTING))
        ],
    )


def waits(command: Attended, spans: Iterable[tuple[float, float]], is_about: Callable[[str], bool]) -> Iterator[float]:
    """Yield after how long a command has told of what began and ended then, if it has told of it meanwhile."""
    told = [at for at, text in _told(command) if is_about(text)]
    for start, end in spans:
        if first := next((at for at in told if start <= at <= end), None):
            yield first - start


def _told(command: Attended) -> Iterator[tuple[float, str]]:
    for line in command.told().splitlines():
        if line.startswith("{"):
            record = json.loads(line)
            yield datetime.fromisoformat(record["time"]).timestamp(), record["message"]


def alarms_in(log: Path) -> Iterator[float]:
    """Yield when a node has set an alarm, by its log."""
    for time in _ALARM.findall(log.read_text("utf-8", "replace")):
        yield datetime.fromisoformat(time).timestamp()
