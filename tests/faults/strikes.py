"""Each kind of fault: how it comes over a world, and how it is healed, which leaves the world as it was."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from amqptool.broker import local
from tests.faults.attended import Attended, send
from tests.faults.checker import Loss
from tests.faults.proxy import CALM, Conditions
from tests.faults.records import atomic_effects
from tests.faults.schedule import MOST_TARGETS, Kind, Strike
from tests.faults.world import World
from tests.support.broker import close_connections
from tests.support.ctl import rabbitmqctl

#: Brought over a world, at whom or how hard, for as long as its block goes on.
Fault: TypeAlias = Callable[[World, int], AbstractContextManager[None]]

#: Seconds that a piece of data may take longer, the bytes a second that pass at least, and those before a cut at most.
_LATENCY, _BANDWIDTH, _CUT = 0.2, 50_000, 50_000
_BLACK_HOLES = ({"there"}, {"back"}, {"there", "back"})
#: Settings of a broker that has nothing left, and those that a private node has.
_NO_MEMORY, _MEMORY = ("set_vm_memory_high_watermark", "0"), ("set_vm_memory_high_watermark", "0.4")
_NO_DISK, _DISK = ("set_disk_free_limit", "1000000GB"), ("set_disk_free_limit", "50MB")
#: Seconds after which a worker that has something to do has given up a store that is lost.
_GIVING_UP = 90.0


class NobodyThereError(Exception):
    """What it was to hit does not run, or has ended for good."""


@dataclass(frozen=True, slots=True)
class Struck:
    """What came of a strike."""

    kind: Kind
    #: Whether there was somebody to hit.
    has_hit: bool
    #: Seconds from the healing to the next effect; None if there was nothing to do any more.
    recovery: float | None = None


def bring(world: World, strike: Strike) -> Struck:
    """Bring a fault over a world, heal it when its time is over, and wait until there is an effect again."""
    try:
        with FAULTS[strike.kind](world, strike.whom):
            time.sleep(strike.seconds)
    except NobodyThereError:
        return Struck(strike.kind, has_hit=False)
    before, healed = len(world.effects()), time.monotonic()
    world.until(lambda: len(world.effects()) > before or world.publisher.is_done)
    works_on = len(world.effects()) > before
    return Struck(strike.kind, has_hit=True, recovery=time.monotonic() - healed if works_on else None)


@contextmanager
def _without_broker(world: World, _whom: int, *, end: Callable[[Path], object]) -> Iterator[None]:
    end(world.node.directory)
    try:
        yield
    finally:
        world.node = local.start(world.node.directory)


@contextmanager
def _stopped(process: int) -> Iterator[None]:
    send(process, signal.SIGSTOP)
    try:
        yield
    finally:
        send(process, signal.SIGCONT)


def _stop_broker(world: World, _whom: int) -> AbstractContextManager[None]:
    assert world.node.pid is not None
    return _stopped(world.node.pid)


@contextmanager
def _kill_worker(world: World, whom: int) -> Iterator[None]:
    worker, process = _pick(world.workers, whom)
    worker.kill(process)
    yield


@contextmanager
def _terminate_worker(world: World, whom: int) -> Iterator[None]:
    _, process = _pick(world.workers, whom)
    send(process, signal.SIGTERM)
    yield


def _stop_worker(world: World, whom: int) -> AbstractContextManager[None]:
    return _stopped(_pick(world.workers, whom)[1])


@contextmanager
def _kill_publisher(world: World, whom: int) -> Iterator[None]:
    publisher, process = _pick([world.publisher], whom)
    publisher.kill(process)
    yield


def _stop_publisher(world: World, whom: int) -> AbstractContextManager[None]:
    return _stopped(_pick([world.publisher], whom)[1])


def _pick(commands: list[Attended], whom: int) -> tuple[Attended, int]:
    """Return one of the processes of some commands, and its command."""
    there = [(command, process) for command in commands for process in command.processes()]
    if not there:
        raise NobodyThereError
    return there[whom % len(there)]


@contextmanager
def _reset(world: World, _whom: int) -> Iterator[None]:
    world.proxy.reset()
    yield


@contextmanager
def _refuse(world: World, _whom: int) -> Iterator[None]:
    world.proxy.refuse()
    world.proxy.reset()
    try:
        yield
    finally:
        world.proxy.accept()


@contextmanager
def _under(world: World, *, there: Conditions = CALM, back: Conditions = CALM) -> Iterator[None]:
    world.proxy.condition(there=there, back=back)
    try:
        yield
    finally:
        world.proxy.condition(there=CALM, back=CALM)


def _black_hole(world: World, whom: int) -> AbstractContextManager[None]:
    ways = _BLACK_HOLES[whom % len(_BLACK_HOLES)]
    return _under(world, **{way: Conditions(is_black_hole=True) for way in ways})


def _latency(world: World, whom: int) -> AbstractContextManager[None]:
    slow = Conditions(latency=_LATENCY * (whom + 1) / MOST_TARGETS)
    return _under(world, there=slow, back=slow)


def _bandwidth(world: World, whom: int) -> AbstractContextManager[None]:
    narrow = Conditions(bytes_per_second=_BANDWIDTH * (1 + whom / MOST_TARGETS))
    return _under(world, there=narrow, back=narrow)


def _cut(world: World, whom: int) -> AbstractContextManager[None]:
    way = ("there", "back")[whom % 2]
    return _under(world, **{way: Conditions(cut_after=1 + _CUT * whom // MOST_TARGETS)})


@contextmanager
def _close_by_ctl(world: World, _whom: int) -> Iterator[None]:
    rabbitmqctl(world.node, "close_all_connections", "a fault")
    yield


@contextmanager
def _close_by_management(world: World, _whom: int) -> Iterator[None]:
    asyncio.run(close_connections(world.node, world.url))
    yield


@contextmanager
def _set(world: World, _whom: int, *, to: tuple[str, str], back: tuple[str, str]) -> Iterator[None]:
    rabbitmqctl(world.node, *to)
    try:
        yield
    finally:
        rabbitmqctl(world.node, *back)


@contextmanager
def _lock_store(world: World, _whom: int) -> Iterator[None]:
    if not world.store.exists():
        raise NobodyThereError
    with closing(sqlite3.connect(world.store, timeout=60, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def _lose_store(world: World, _whom: int) -> Iterator[None]:
    if not world.store.exists():
        raise NobodyThereError
    start = time.monotonic()
    lost = world.move_store()
    try:
        yield
    finally:
        # Only who has something to do notices it; the others must not go on with what is no more.
        world.until(
            lambda: time.monotonic() > start + _GIVING_UP or not any(worker.is_running for worker in world.workers),
            attended=[world.publisher],
        )
        world.stop_workers()
        world.losses.append(Loss(start, time.monotonic()))
        world.kept += atomic_effects(lost)


FAULTS: dict[Kind, Fault] = {
    Kind.KILL_BROKER: partial(_without_broker, end=local.kill),
    Kind.RESTART_BROKER: partial(_without_broker, end=local.stop),
    Kind.STOP_BROKER: _stop_broker,
    Kind.KILL_WORKER: _kill_worker,
    Kind.TERMINATE_WORKER: _terminate_worker,
    Kind.STOP_WORKER: _stop_worker,
    Kind.KILL_PUBLISHER: _kill_publisher,
    Kind.STOP_PUBLISHER: _stop_publisher,
    Kind.RESET: _reset,
    Kind.REFUSE: _refuse,
    Kind.BLACK_HOLE: _black_hole,
    Kind.LATENCY: _latency,
    Kind.BANDWIDTH: _bandwidth,
    Kind.CUT: _cut,
    Kind.CLOSE_BY_CTL: _close_by_ctl,
    Kind.CLOSE_BY_MANAGEMENT: _close_by_management,
    Kind.MEMORY_ALARM: partial(_set, to=_NO_MEMORY, back=_MEMORY),
    Kind.DISK_ALARM: partial(_set, to=_NO_DISK, back=_DISK),
    Kind.LOCK_STORE: _lock_store,
    Kind.LOSE_STORE: _lose_store,
}
