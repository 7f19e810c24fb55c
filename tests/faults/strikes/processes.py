"""Faults of the processes of workers and the publisher."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.faults.attended import Attended, send
from tests.faults.schedule import Kind
from tests.faults.strikes.interface import Fault, NobodyThereError
from tests.faults.world import World


def _pick(commands: list[Attended], whom: int) -> tuple[Attended, int]:
    """Return one of the processes of some commands, and its command."""
    there = [(command, process) for command in commands for process in command.processes()]
    if not there:
        raise NobodyThereError
    return there[whom % len(there)]


@contextmanager
def _stopped(process: int) -> Iterator[None]:
    send(process, signal.SIGSTOP)
    try:
        yield
    finally:
        send(process, signal.SIGCONT)


@contextmanager
def _kill_worker(world: World, whom: int) -> Iterator[None]:
    worker, process = _pick(world.workers, whom)
    worker.kill(process)
    yield


@contextmanager
def _terminate_worker(world: World, whom: int) -> Iterator[None]:
    send(_pick(world.workers, whom)[1], signal.SIGTERM)
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


FAULTS: dict[Kind, Fault] = {
    Kind.KILL_WORKER: _kill_worker,
    Kind.TERMINATE_WORKER: _terminate_worker,
    Kind.STOP_WORKER: _stop_worker,
    Kind.KILL_PUBLISHER: _kill_publisher,
    Kind.STOP_PUBLISHER: _stop_publisher,
}
