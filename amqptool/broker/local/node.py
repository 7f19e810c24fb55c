"""What is known about a private node, and the directory that remembers it."""

from __future__ import annotations

import fcntl
import json
import random
import socket
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from amqptool.broker.local.process import Process
from amqptool.errors import ConfigError
from amqptool.settings.url import AmqpUrl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Where nodes listen. Nothing outside this machine can reach them.
LOCALHOST = "127.0.0.1"

#: The file in a directory that says what node lives there.
RECORD = "node.json"

_LOCK = "amqptool.lock"

# Below the ports that systems give to outgoing connections (32768 on Linux, 49152 elsewhere), so
# that the port of a stopped node is still free when it comes back.
_PORTS = range(20000, 32000)
_PORT_ATTEMPTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A broker and its management API."""

    url: AmqpUrl
    management_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningNode(Endpoint):
    """A private node that runs."""

    directory: Path
    #: The Erlang VM's; None when it runs in a container.
    pid: int | None
    #: RabbitMQ's, once the node has answered.
    version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a directory remembers about its node, from one start to the next."""

    #: Fixed for ever, because RabbitMQ's data belongs to a node name.
    name: str
    port: int
    management_port: int
    #: The command that runs it in a container; None when it is a process of ours.
    engine: str | None = None
    node: Process | None = None
    epmd: Process | None = None
    version: str | None = None

    def running(self, directory: Path) -> RunningNode:
        """Describe the node, given that it runs."""
        return RunningNode(
            directory=directory,
            pid=self.node.pid if self.node else None,
            url=AmqpUrl(host=LOCALHOST, port=self.port),
            management_url=f"http://{LOCALHOST}:{self.management_port}",
            version=self.version,
        )


class Host(Protocol):
    """What a node runs on: this machine, or a container engine."""

    def boot(self, directory: Path, record: Record) -> Record:
        """Start the node without waiting for it; the record is saved as soon as there is a process."""
        ...

    def alive(self, directory: Path, record: Record) -> bool:
        """Return whether the node runs, or is about to."""
        ...

    def stop(self, directory: Path, record: Record, timeout: float) -> None:
        """End the node and all that belongs to it; its data stays."""
        ...

    def kill(self, directory: Path, record: Record) -> None:
        """End the node and all that belongs to it without giving it a chance to save anything."""
        ...

    def discard(self, directory: Path) -> None:
        """Remove the data of a stopped node that is kept outside its directory."""
        ...

    def log(self, directory: Path) -> tuple[list[str], str]:
        """Return the last boot's log lines and where to read them."""
        ...


def prepare(directory: Path) -> None:
    """Make the directory, or check that it is one of ours.

    Raises:
        ConfigError: it holds other things, which a node must not live among.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The lock is the first thing that a start makes, the record the last.
    names = {entry.name for entry in directory.iterdir()}
    if names and not names & {_LOCK, RECORD}:
        raise ConfigError(f"{directory} is not empty and holds no node; choose a new or an empty directory")
    directory.chmod(0o700)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Be the only one that starts or stops this directory's node."""
    with (directory / _LOCK).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def load(directory: Path) -> Record | None:
    """Return what the directory remembers, or None if no node was ever started in it."""
    try:
        fields: dict[str, Any] = json.loads((directory / RECORD).read_text("utf-8"))
        processes = {key: fields[key] and Process(**fields[key]) for key in ("node", "epmd")}
        return Record(**(fields | processes))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{directory / RECORD} cannot be read ({error}); remove {directory} to start anew") from error


def save(directory: Path, record: Record) -> Record:
    """Write down what is known; a reader sees the old record or the new one, nothing between."""
    draft = directory / f"{RECORD}.new"
    draft.write_text(json.dumps(asdict(record)), "utf-8")
    draft.replace(directory / RECORD)
    return record


def stopped(record: Record) -> Record:
    """Forget the processes."""
    return replace(record, node=None, epmd=None, version=None)


def free_port() -> int:
    """Return a port on 127.0.0.1 that nothing listens on."""
    for port in random.sample(_PORTS, _PORT_ATTEMPTS):
        if is_free(port):
            return port
    raise OSError(f"{_PORT_ATTEMPTS} ports of {LOCALHOST} were tried and none is free")


def listens(port: int) -> bool:
    """Return whether something accepts connections on this port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex((LOCALHOST, port)) == 0


def is_free(port: int) -> bool:
    """Return whether a server could listen on this port of 127.0.0.1."""
    with socket.socket() as probe:
        # As RabbitMQ does: connections that are still closing (TIME_WAIT) do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOCALHOST, port))
        except OSError:
            return False
    return True
