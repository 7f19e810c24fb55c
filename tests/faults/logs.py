"""How soon commands have told of faults in their logs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
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
#: Seconds that an alarm or a black hole lasts at least if each command is to tell of it.
_LONG_ALARM, _LONG_HOLE = 1.0, 31.0
_ALARMS = (Kind.MEMORY_ALARM, Kind.DISK_ALARM)
_BLOCKED, _CONNECTING = "blocked by the broker", "connecting again"

#: A beginning and an end, in seconds since the epoch.
Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Told:
    """After how many seconds commands have told of faults of a kind."""

    #: One for each that has told.
    after: list[float]
    #: Of how many that lasted long enough a command has told, and how many of them there were.
    of_long: int
    long: int


@dataclass(frozen=True, slots=True)
class Reactions:
    """How soon commands have told of faults."""

    #: From an alarm to the publisher's word that it is blocked.
    blocked: Told
    #: From the beginning of a black hole to each worker's word that it is cut off.
    black_hole: Told


def reactions(world: World, struck: Sequence[Struck]) -> Reactions:
    """Read the logs of a run.

    Faults count that came alone: a publisher that is stopped meanwhile tells of no alarm, for one. Of several nodes a
    black hole is before one, and concerns those workers alone that are connected to it: nobody knows whom, so that none
    of them counts as long.
    """
    single = alone(struck)
    alarms = _alarms(world.alarms, single)
    holes = [_span(each) for each in single if each.kind is Kind.BLACK_HOLE]
    patient = [(start, start + _PATIENCE) for start, _ in alarms]
    waited = [
        each for worker in world.workers for each in waits(worker, holes, lambda text: text.endswith(_CONNECTING))
    ]
    return Reactions(
        blocked=told(
            list(waits(world.publisher, patient, lambda text: text.startswith(_BLOCKED))),
            [_is_long(span, _LONG_ALARM) for span in alarms],
        ),
        black_hole=told(
            waited, [len(world.sites) == 1 and _is_long(span, _LONG_HOLE) for _ in world.workers for span in holes]
        ),
    )


def alone(struck: Sequence[Struck]) -> list[Struck]:
    """Return the faults that were there while no other one was."""
    there = [each for each in struck if each.has_hit]
    return [each for each in there if not any(_overlap(each, other) for other in there if other is not each)]


def told(waited: Sequence[float | None], are_long: Sequence[bool]) -> Told:
    """Count what commands have told of faults, and of which they have not."""
    return Told(
        after=[each for each in waited if each is not None],
        of_long=sum(is_long and each is not None for each, is_long in zip(waited, are_long, strict=True)),
        long=sum(are_long),
    )


def waits(command: Attended, spans: Iterable[Span], is_about: Callable[[str], bool]) -> Iterator[float | None]:
    """Yield after how long a command has told of what began and ended then; none if it has not told of it meanwhile."""
    words = [at for at, text in _told(command) if is_about(text)]
    for start, end in spans:
        first = next((at for at in words if start - _TICK <= at <= end), None)
        yield None if first is None else max(0.0, first - start)


def _alarms(began: Sequence[float], struck: Sequence[Struck]) -> list[Span]:
    """Return from when to when there were alarms that concerned a publisher."""
    ends = [_span(each)[1] for each in struck if each.kind in _ALARMS and each.is_publishing]
    return [(max(alarm for alarm in began if alarm <= end), end) for end in ends]


def _span(struck: Struck) -> Span:
    return struck.at, struck.at + struck.lasted


def _overlap(one: Struck, other: Struck) -> bool:
    (start, end), (other_start, other_end) = _span(one), _span(other)
    return start <= other_end and other_start <= end


def _is_long(span: Span, shortest: float) -> bool:
    return span[1] - span[0] >= shortest


def _told(command: Attended) -> Iterator[tuple[float, str]]:
    for line in command.told().splitlines():
        if line.startswith("{"):
            record = json.loads(line)
            yield datetime.fromisoformat(record["time"]).timestamp(), record["message"]
