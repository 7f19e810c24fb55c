"""How soon commands have told of faults in their logs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from tests.faults.attended import Attended
from tests.faults.schedule import Kind
from tests.faults.strikes.bring import Struck
from tests.faults.world import World

#: Seconds in which a publisher tells of an alarm, if at all.
_PATIENCE = 60.0
#: Commands tell the time in steps of so many seconds, rounded down.
_TICK = 0.001
_BLOCKED, _CONNECTING = "blocked by the broker", "connecting again"


@dataclass(frozen=True, slots=True)
class Reactions:
    """Seconds until commands have told of a fault that lasted long enough, one for each that has told."""

    #: From an alarm to the publisher's word that it is blocked.
    blocked: list[float]
    #: From the beginning of a black hole to a worker's word that it is cut off.
    black_hole: list[float]


def reactions(world: World, struck: list[Struck]) -> Reactions:
    """Read the logs of a run."""
    alarms = [(at, at + _PATIENCE) for at in world.alarms]
    holes = [(each.at, each.at + each.lasted) for each in struck if each.kind is Kind.BLACK_HOLE]
    return Reactions(
        blocked=list(waits(world.publisher, alarms, lambda text: text.startswith(_BLOCKED))),
        black_hole=[
            wait for each in world.workers for wait in waits(each, holes, lambda text: text.endswith(_CONNECTING))
        ],
    )


def waits(command: Attended, spans: Iterable[tuple[float, float]], is_about: Callable[[str], bool]) -> Iterator[float]:
    """Yield after how long a command has told of what began and ended then, if it has told of it meanwhile."""
    told = [at for at, text in _told(command) if is_about(text)]
    for start, end in spans:
        first = next((at for at in told if start - _TICK <= at <= end), None)
        if first is not None:
            yield max(0.0, first - start)


def _told(command: Attended) -> Iterator[tuple[float, str]]:
    for line in command.told().splitlines():
        if line.startswith("{"):
            record = json.loads(line)
            yield datetime.fromisoformat(record["time"]).timestamp(), record["message"]
