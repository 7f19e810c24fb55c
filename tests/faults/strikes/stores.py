"""Faults of the dedup store: of a file, or of a server."""

from __future__ import annotations

import resource
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from tests.faults.checker import Loss
from tests.faults.schedule import Kind
from tests.faults.stores import ServerStore, SqliteStore
from tests.faults.strikes.interface import Fault, HasBitten, NobodyThereError, surely
from tests.faults.world import World

#: How much longer than the logs files may become on a full disk, in bytes: the log of the store soon is too long.
_FULL = 64 * 1024
#: What workers say then.
_HOLDING = "holding all messages un-acked"
#: What ends a server as a crash would; PostgreSQL does not save anything either.
_CRASH = {"redis": signal.SIGKILL, "postgresql": signal.SIGQUIT}


def _file(world: World) -> SqliteStore:
    if not (isinstance(world.store, SqliteStore) and world.store.path.exists()):
        raise NobodyThereError
    return world.store


def _server(world: World) -> ServerStore:
    if not isinstance(world.store, ServerStore):
        raise NobodyThereError
    return world.store


@contextmanager
def _lock(world: World, _whom: int) -> Iterator[HasBitten]:
    with closing(sqlite3.connect(_file(world).path, timeout=60, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield surely


@contextmanager
def _fill(world: World, _whom: int) -> Iterator[HasBitten]:
    _file(world)
    before = _held_up(world)
    _limit(world, _FULL + max(log.stat().st_size for log in world.directory.glob("*.log")))
    try:
        yield lambda: _held_up(world) > before
    finally:
        _limit(world, resource.RLIM_INFINITY)


def _held_up(world: World) -> int:
    """Return how often workers have told that the store cannot be written."""
    return sum(worker.told().count(_HOLDING) for worker in world.workers)


def _limit(world: World, size: int) -> None:
    """Limit the size of files that workers write; twice, since a supervisor may start a process meanwhile."""
    for process in [each for _ in range(2) for worker in world.workers for each in worker.processes()]:
        with suppress(ProcessLookupError):
            resource.prlimit(process, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@contextmanager
def _lose(world: World, _whom: int) -> Iterator[HasBitten]:
    store = _file(world)
    start = time.monotonic()
    lost = store.move()
    try:
        yield surely
    finally:
        # Who has nothing to do does not notice, and must not go on with what is no more; who does gives up in a minute.
        world.kill_workers()
        world.losses.append(Loss(start, time.monotonic()))
        store.keep(lost)


@contextmanager
def _kill_server(world: World, _whom: int) -> Iterator[HasBitten]:
    server = _server(world).server
    server.stop(_CRASH[_server(world).url.partition(":")[0]])
    try:
        yield surely
    finally:
        server.start()


@contextmanager
def _stop_server(world: World, _whom: int) -> Iterator[HasBitten]:
    server = _server(world).server
    server.signal(signal.SIGSTOP)
    try:
        yield surely
    finally:
        server.signal(signal.SIGCONT)


FAULTS: dict[Kind, Fault] = {
    Kind.LOCK_STORE: _lock,
    Kind.FILL_STORE: _fill,
    Kind.LOSE_STORE: _lose,
    Kind.KILL_STORE: _kill_server,
    Kind.STOP_STORE: _stop_server,
}
