"""A private RabbitMQ node: everything in one directory, for development, demos and tests."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from amqptool.broker.local.container import Container, find_engine
from amqptool.broker.local.install import find_installation, not_installed
from amqptool.broker.local.native import Native
from amqptool.broker.local.node import (
    Endpoint,
    Host,
    Record,
    RunningNode,
    free_port,
    load,
    locked,
    prepare,
    save,
    stopped,
)
from amqptool.broker.local.probe import amqp_answers, management_version
from amqptool.broker.local.process import POLL_INTERVAL
from amqptool.errors import BrokerUnavailable, ConfigError
from amqptool.signals import interruptible

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Endpoint",
    "RunningNode",
    "kill",
    "remove",
    "start",
    "status",
    "stop",
    "temporary",
]

#: Seconds for a node to boot; on an idle machine it takes five.
START_TIMEOUT = 60.0

#: Seconds for a node to shut down in order before it is killed.
STOP_TIMEOUT = 30.0

#: Lines of the log that go into the error when a node does not boot.
_LOG_LINES = 12


def start(
    directory: Path,
    *,
    port: int | None = None,
    management_port: int | None = None,
    timeout: float = START_TIMEOUT,
) -> RunningNode:
    """Start the directory's node, or find it running, and return when AMQP and management answer.

    A directory that was used before keeps its data, its node name and its ports.

    Raises:
        BrokerUnavailable: no RabbitMQ is installed, or it does not boot; nothing is left running.
        ConfigError: the directory holds other things, or its node already runs on other ports.
    """
    directory = directory.resolve()
    prepare(directory)
    with locked(directory):
        known = load(directory)
        if known and _host(known).alive(directory, known):
            _refuse_other_ports(known, port, management_port)
            return _wait(directory, known, timeout).running(directory)
        return _boot(directory, _record(known, port, management_port), timeout).running(directory)


def status(directory: Path) -> RunningNode | None:
    """Return the directory's node if it runs, else None."""
    directory = directory.resolve()
    record = load(directory)
    if record is None or not _host(record).alive(directory, record):
        return None
    return record.running(directory)


def stop(directory: Path, *, timeout: float = STOP_TIMEOUT) -> bool:
    """Shut the directory's node down, in order; return whether there was something to stop.

    What has not ended by itself in time is killed.
    """
    directory = directory.resolve()
    if load(directory) is None:
        return False
    with locked(directory):
        return _end(directory, timeout)


def kill(directory: Path) -> None:
    """Kill the directory's node, as a crash would; `start` brings it back with what it had on disk."""
    directory = directory.resolve()
    if load(directory):
        with locked(directory):
            _end(directory, None)


def remove(directory: Path) -> None:
    """Kill the directory's node and delete all its data."""
    directory = directory.resolve()
    record = load(directory)
    if record:
        kill(directory)
        _host(record).discard(directory)
    shutil.rmtree(directory)


@contextmanager
def temporary(*, timeout: float = START_TIMEOUT) -> Iterator[RunningNode]:
    """Run a node in a new directory, and leave nothing of it behind.

    Only if it does not boot, its directory stays, for the log that the error names.
    """
    directory = Path(tempfile.mkdtemp(prefix="amqptool-"))
    try:
        node = start(directory, timeout=timeout)
    except BaseException as error:
        if not _keeps_log(directory, error):
            remove(directory)
        raise
    try:
        yield node
    finally:
        remove(directory)


def _keeps_log(directory: Path, error: BaseException) -> bool:
    return isinstance(error, BrokerUnavailable) and load(directory) is not None


def _host(record: Record) -> Host:
    return Container(record.engine) if record.engine else Native()


def _record(known: Record | None, port: int | None, management_port: int | None) -> Record:
    if known:
        known = stopped(known)
        return replace(known, port=port or known.port, management_port=management_port or known.management_port)
    port = port or free_port()
    return Record(
        name=f"amqptool-{port}@localhost",
        port=port,
        management_port=management_port or free_port(),
        engine=_choose_engine(),
    )


def _choose_engine() -> str | None:
    if find_installation(os.environ.get("PATH", os.defpath)):
        return None
    engine = find_engine()
    if engine is None:
        raise not_installed()
    return engine


def _refuse_other_ports(record: Record, port: int | None, management_port: int | None) -> None:
    wanted = (port or record.port, management_port or record.management_port)
    if wanted != (record.port, record.management_port):
        raise ConfigError(
            f"the node already runs on port {record.port}, its management on {record.management_port}; "
            "stop it before it can move"
        )


def _boot(directory: Path, record: Record, timeout: float) -> Record:
    _end(directory, None)  # what a crash may have left of the node before
    with interruptible():
        try:
            return _wait(directory, _host(record).boot(directory, record), timeout)
        except BaseException:
            _end(directory, None)
            raise


def _wait(directory: Path, record: Record, timeout: float) -> Record:
    deadline = time.monotonic() + timeout
    while (version := _answers(record)) is None:
        if not _host(record).alive(directory, record):
            raise _not_up(directory, record, "it stopped while booting")
        if time.monotonic() >= deadline:
            raise _not_up(directory, record, f"no answer within {timeout:g} s")
        time.sleep(POLL_INTERVAL)
    return save(directory, replace(record, version=version))


def _answers(record: Record) -> str | None:
    return management_version(record.management_port) if amqp_answers(record.port) else None


def _not_up(directory: Path, record: Record, reason: str) -> BrokerUnavailable:
    lines, place = _host(record).log(directory)
    telling = [line.strip() for line in lines if line.strip()][-_LOG_LINES:]
    return BrokerUnavailable(
        "\n  ".join([f"RabbitMQ does not start in {directory}: {reason}", *telling, f"log: {place}"])
    )


def _end(directory: Path, timeout: float | None) -> bool:
    """Stop (or kill, without a timeout) what the directory's record names; the caller holds the lock."""
    record = load(directory)
    if record is None:
        return False
    host = _host(record)
    alive = host.alive(directory, record)
    if timeout is None:
        host.kill(directory, record)
    else:
        host.stop(directory, record, timeout)
    save(directory, stopped(record))
    return alive
