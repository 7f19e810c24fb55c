"""Faults of the processes of workers and the publisher."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.faults.attended import Attended, send
from tests.faults.schedule import Kind
from tests.faults.strikes.interface import Fault, HasBitten, NobodyThereError, surely
from tests.faults.world import World


def _pick(commands: list[Attended], whom: int) -> tuple[Attended, int]:
    """Return one of the processes of some commands, and its command."""
    there = [(command, process) for command in commands for process in command.processes()]
    if not there:
        raise NobodyThereError
    return there[whom % len(there)]


def _hit(*, was_there: bool) -> None:
    """Insist that a process had not ended just before."""
    if not was_there:
        raise NobodyThereError


@contextmanager
def _stopped(process: int) -> Iterator[HasBitten]:
    _hit(was_there=send(process, signal.SIGSTOP))
    try:
        yield surely
    finally:
        send(process, signal.SIGCONT)


@contextmanager
def _kill_worker(world: World, whom: int) -> Iterator[HasBitten]:
    worker, process = _pick(world.workers, whom)
    _hit(was_there=worker.kill(process))
    yield surely


@contextmanager
def _terminate_worker(world: World, whom: int) -> Iterator[HasBitten]:
    _hit(was_there=send(_pick(world.workers, whom)[1], signal.SIGTERM))
    yield surely


def _stop_worker(world: World, whom: int) -> AbstractContextManager[HasBitten]:
    return _stopped(_pick(world.workers, whom)[1])


@contextmanager
def _kill_publisher(world: World, whom: int) -> Iterator[HasBitten]:
    publisher, process = _pick([world.publisher], whom)
    _hit(was_there=publisher.kill(process))
    yield surely


def _stop_publisher(world: World, whom: int) -> AbstractContextManager[HasBitten]:
    return _stopped(_pick([world.publisher], whom)[1])


FAULTS: dict[Kind, Fault] = {
    Kind.KILL_WORKER: _kill_worker,
    Kind.TERMINATE_WORKER: _terminate_worker,
    Kind.STOP_WORKER: _stop_worker,
    Kind.KILL_PUBLISHER: _kill_publisher,
    Kind.STOP_PUBLISHER: _stop_publisher,
}
