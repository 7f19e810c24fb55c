"""What goes wrong when: a list that a seed gives, and gives again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from random import Random

#: How much of the messages is acted on before the last strike, so that each leaves work after itself.
_SHARE = 0.6
#: Seconds that a fault lasts at least, if it lasts at all.
_SHORTEST = 0.1
#: How often a fault that leaves room for another one has it while it lasts.
_OVERLAP = 1 / 3
#: More targets than there ever are: whom it hits is the remainder by how many there are.
MOST_TARGETS = 1000


class Kind(Enum):
    """What goes wrong; the value says it in words."""

    KILL_BROKER = "the broker, or one of its nodes, is killed with SIGKILL"
    KILL_LEADER = "the node that leads the work queue is killed with SIGKILL"
    RESTART_BROKER = "the broker, or one of its nodes, is stopped in order, and started again"
    STOP_BROKER = "the broker, or one of its nodes, is stopped with SIGSTOP, and goes on with SIGCONT"
    CLOSE_BY_CTL = "rabbitmqctl closes all connections"
    CLOSE_BY_MANAGEMENT = "the management API closes all connections"
    MEMORY_ALARM = "the broker has no memory, and takes no messages"
    DISK_ALARM = "the broker has no disk, and takes no messages"
    DELETE_QUEUE = "the work queue is deleted with what is in it, its consumers are cancelled, and it is declared again"
    DELETE_WAIT_QUEUE = "a wait queue that is empty is deleted"
    RESET = "every connection is reset"
    REFUSE = "every connection is reset, and new ones are refused"
    BLACK_HOLE = "what is sent one way, or both, does not arrive"
    LATENCY = "each piece of data takes longer, both ways"
    BANDWIDTH = "few bytes a second pass, both ways"
    CUT = "a connection is reset in the middle of what it carries"
    KILL_WORKER = "a worker process is killed with SIGKILL"
    TERMINATE_WORKER = "a worker process is asked to end with SIGTERM"
    STOP_WORKER = "a worker process is stopped with SIGSTOP, and goes on with SIGCONT"
    KILL_PUBLISHER = "the publisher is killed with SIGKILL"
    STOP_PUBLISHER = "the publisher is stopped with SIGSTOP, and goes on with SIGCONT"
    LOCK_STORE = "another process holds the lock of the dedup store"
    FILL_STORE = "the disk of the dedup store is full"
    LOSE_STORE = "the dedup store is unlinked, and there is a new one after all workers were killed"
    KILL_STORE = "the server of the dedup store is killed, and started again"
    STOP_STORE = "the server of the dedup store is stopped with SIGSTOP, and goes on with SIGCONT"


#: What needs a cluster, a store in a file, or a store on a server.
_OF_CLUSTERS = {Kind.KILL_LEADER}
_OF_FILES = {Kind.LOCK_STORE, Kind.FILL_STORE, Kind.LOSE_STORE}
_OF_SERVERS = {Kind.KILL_STORE, Kind.STOP_STORE}

#: What is over as soon as it has happened.
_MOMENTS = {
    *(Kind.KILL_WORKER, Kind.TERMINATE_WORKER, Kind.KILL_PUBLISHER, Kind.RESET),
    *(Kind.CLOSE_BY_CTL, Kind.CLOSE_BY_MANAGEMENT, Kind.DELETE_WAIT_QUEUE),
}
#: What lasts so many times longer, so that heartbeats and deadlines come into it.
_LONG = dict.fromkeys((Kind.STOP_BROKER, Kind.STOP_WORKER, Kind.BLACK_HOLE), 12.0)

_NETWORK = {Kind.RESET, Kind.REFUSE, Kind.BLACK_HOLE, Kind.LATENCY, Kind.BANDWIDTH, Kind.CUT}
_PROCESSES = {Kind.KILL_WORKER, Kind.TERMINATE_WORKER, Kind.STOP_WORKER, Kind.KILL_PUBLISHER, Kind.STOP_PUBLISHER}
_STORES = _OF_FILES | _OF_SERVERS
#: While these last, what a handler has done cannot become done.
KEEPING_DONE = _STORES | {Kind.STOP_WORKER}
_NODES = {
    *(Kind.KILL_BROKER, Kind.KILL_LEADER, Kind.RESTART_BROKER, Kind.STOP_BROKER),
    *(Kind.CLOSE_BY_CTL, Kind.MEMORY_ALARM, Kind.DISK_ALARM),
}
_SUBJECTS = (_NETWORK, _PROCESSES, _STORES, _NODES)
#: While these last, any of another subject may come, but none of those that wait for what others do.
_WITH_ROOM = {
    *(Kind.LATENCY, Kind.BANDWIDTH, Kind.BLACK_HOLE, Kind.REFUSE, Kind.STOP_WORKER, Kind.STOP_PUBLISHER),
    *(Kind.LOCK_STORE, Kind.STOP_STORE, Kind.MEMORY_ALARM, Kind.DISK_ALARM),
}
_WAITING = {Kind.DELETE_QUEUE, Kind.DELETE_WAIT_QUEUE, Kind.CLOSE_BY_MANAGEMENT, Kind.LOSE_STORE}


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
    #: Another one, that comes while it lasts.
    inner: Strike | None = None


def possible(kinds: Iterable[Kind], *, has_file: bool, has_cluster: bool) -> tuple[Kind, ...]:
    """Return the kinds that can come over a world: one whose dedup store is a file or on a server, and its broker."""
    left_out = (_OF_SERVERS if has_file else _OF_FILES) | (set() if has_cluster else _OF_CLUSTERS)
    return tuple(kind for kind in kinds if kind not in left_out)


def schedule(
    seed: int, *, messages: int, faults: int, longest: float, kinds: tuple[Kind, ...] = tuple(Kind)
) -> list[Strike]:
    """Return the strikes for a number of messages, in their order: each kind as often as any other, give or take one.

    `longest` are the seconds that a fault may last; one that must be noticed by its silence may last much longer.
    """
    chance = Random(seed)
    moments = sorted(chance.randint(1, max(1, int(messages * _SHARE))) for _ in range(faults))
    strikes = [
        _strike(kind, at, longest, chance) for kind, at in zip(_deal(kinds, faults, chance), moments, strict=True)
    ]
    return _overlapping(strikes, chance)


def flat(strikes: Iterable[Strike]) -> Iterator[Strike]:
    """Yield strikes, and those within them."""
    for strike in strikes:
        yield strike
        if strike.inner is not None:
            yield strike.inner


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


def _overlapping(strikes: list[Strike], chance: Random) -> list[Strike]:
    """Let some strikes come while the one before them lasts."""
    found: list[Strike] = []
    for strike in strikes:
        before = found[-1] if found else None
        if before is not None and _has_room(before, strike.kind) and chance.random() < _OVERLAP:
            found[-1] = replace(before, inner=strike)
        else:
            found.append(strike)
    return found


def _has_room(strike: Strike, kind: Kind) -> bool:
    if strike.inner is not None or strike.kind not in _WITH_ROOM or kind in _WAITING:
        return False
    return not any({strike.kind, kind} <= subject for subject in _SUBJECTS)
