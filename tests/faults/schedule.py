"""What goes wrong when: a list that a seed gives, and gives again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from random import Random

#: How much of the messages is acted on before the last strike, so that each leaves work after itself.
_SHARE = 0.8
#: Seconds that a fault lasts at least, if it lasts at all.
_SHORTEST = 0.1
#: More targets than there ever are: whom it hits is the remainder by how many there are.
MOST_TARGETS = 1000


class Kind(Enum):
    """What goes wrong; the value says it in words."""

    KILL_BROKER = "the broker is killed with SIGKILL"
    RESTART_BROKER = "the broker is stopped in order, and started again"
    STOP_BROKER = "the broker is stopped with SIGSTOP, and goes on with SIGCONT"
    KILL_WORKER = "a worker process is killed with SIGKILL"
    TERMINATE_WORKER = "a worker process is asked to end with SIGTERM"
    STOP_WORKER = "a worker process is stopped with SIGSTOP, and goes on with SIGCONT"
    KILL_PUBLISHER = "the publisher is killed with SIGKILL"
    STOP_PUBLISHER = "the publisher is stopped with SIGSTOP, and goes on with SIGCONT"
    RESET = "every connection is reset"
    REFUSE = "every connection is reset, and new ones are refused"
    BLACK_HOLE = "what is sent one way, or both, does not arrive"
    LATENCY = "each piece of data takes longer, both ways"
    BANDWIDTH = "few bytes a second pass, both ways"
    CUT = "a connection is reset in the middle of what it carries"
    CLOSE_BY_CTL = "rabbitmqctl closes all connections"
    CLOSE_BY_MANAGEMENT = "the management API closes all connections"
    MEMORY_ALARM = "the broker has no memory, and takes no messages"
    DISK_ALARM = "the broker has no disk, and takes no messages"
    LOCK_STORE = "another process holds the lock of the dedup store"
    LOSE_STORE = "the dedup store is unlinked, and there is a new one after all workers have given up"


#: What is over as soon as it has happened.
_MOMENTS = {Kind.TERMINATE_WORKER, Kind.RESET, Kind.CLOSE_BY_CTL, Kind.CLOSE_BY_MANAGEMENT, Kind.LOSE_STORE}

#: What lasts so many times longer, so that heartbeats and deadlines come into it.
_LONG = dict.fromkeys((Kind.STOP_BROKER, Kind.STOP_WORKER, Kind.BLACK_HOLE), 10.0)


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault at its moment."""

    kind: Kind
    #: It comes when there have been so many effects.
    at: int
    #: How long it lasts.
    seconds: float
    #: Whom it hits among those that it could, or how hard.
    whom: int


def schedule(
    seed: int, *, messages: int, faults: int, longest: float, kinds: tuple[Kind, ...] = tuple(Kind)
) -> list[Strike]:
    """Return the strikes for a number of messages, in their order: each kind as often as any other, give or take one.

    `longest` are the seconds that a fault may last; one that must be noticed by its silence may last ten times longer.
    """
    chance = Random(seed)
    moments = sorted(chance.randint(1, max(1, int(messages * _SHARE))) for _ in range(faults))
    return [_strike(kind, at, longest, chance) for kind, at in zip(_deal(kinds, faults, chance), moments, strict=True)]


def _deal(kinds: tuple[Kind, ...], count: int, chance: Random) -> list[Kind]:
    """Return so many kinds, from one shuffled deck after another."""
    dealt: list[Kind] = []
    while len(dealt) < count:
        dealt += chance.sample(kinds, len(kinds))
    return dealt[:count]


def _strike(kind: Kind, at: int, longest: float, chance: Random) -> Strike:
    seconds = chance.uniform(_SHORTEST, longest * _LONG.get(kind, 1.0))
    whom = chance.randrange(MOST_TARGETS)
    return Strike(kind, at, 0.0 if kind in _MOMENTS else seconds, whom)
