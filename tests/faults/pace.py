"""How fast is published, so that there is work to do as long as there are strikes to come."""

from __future__ import annotations

from collections.abc import Iterable

from tests.faults.schedule import Kind, Strike, flat

#: Messages that are published in a second at most, so that they do not merely wait.
MOST_RATE = 2000
#: Seconds that a fault takes beside those that it lasts, about.
_HEALING = 4.0
_LONG_HEALING = {
    Kind.KILL_BROKER: 8.0,
    Kind.KILL_LEADER: 8.0,
    Kind.RESTART_BROKER: 12.0,
    Kind.DELETE_QUEUE: 8.0,
    # These start `rabbitmqctl`, which takes its time on a busy machine.
    Kind.CLOSE_BY_CTL: 8.0,
    Kind.DELETE_WAIT_QUEUE: 8.0,
    Kind.MEMORY_ALARM: 8.0,
    Kind.DISK_ALARM: 8.0,
}
#: How much longer than all strikes is published, so that the last ones find work, too.
_MARGIN = 1.3


def rate(messages: int, strikes: Iterable[Strike]) -> int:
    """Return how many messages a second are to be published, if these strikes are to come before they are all gone."""
    seconds = sum(each.seconds + _LONG_HEALING.get(each.kind, _HEALING) for each in flat(strikes))
    return max(1, min(MOST_RATE, int(messages / max(1.0, _MARGIN * seconds))))


def is_too_fast(now: int, wanted: int) -> bool:
    """Return whether a rate is so far from the one that is wanted that it must be changed."""
    return now > _MARGIN * wanted
