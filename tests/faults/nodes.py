"""The broker under faults: a private node, or several that are a cluster."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from amqptool.broker import local
from amqptool.broker.local import RunningNode, process
from amqptool.broker.local.install import find_installation
from amqptool.broker.local.node import LOCALHOST, free_port, listens
from tests.support.ctl import rabbitmqctl

#: What a wait queue cannot bring to its work queue, since that was deleted, is tried again after so many milliseconds
#: (by default three minutes).
_SETTINGS = "[{rabbit, [{dead_letter_worker_publisher_confirm_timeout, 3000}]}].\n"
#: By which the nodes of a cluster know each other; the file that makes a directory one of a node.
_COOKIE, _LOCK = "amqptool-faults", "amqptool.lock"


@contextmanager
def private_nodes(count: int) -> Iterator[list[RunningNode]]:
    """Run one node, or a cluster of some, all on this machine, and leave nothing of them behind."""
    with ExitStack() as stack:
        directories = [stack.enter_context(_directory()) for _ in range(count)]
        if count > 1:
            epmd_port = stack.enter_context(_port_mapper())
            for directory in directories:
                _make_member(directory, epmd_port)
        with ThreadPoolExecutor(count) as threads:
            nodes = list(threads.map(local.start, directories))
        for node in nodes[1:]:
            _join(node, nodes[0])
        if count > 1:
            # As an operator should: until then each node tells another name, and dedup goes by it.
            rabbitmqctl(nodes[0], "set_cluster_name", _COOKIE)
        yield nodes


@contextmanager
def _directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="amqptool-node-"))
    (directory / _LOCK).touch()
    (directory / "advanced.config").write_text(_SETTINGS)
    try:
        yield directory
    finally:
        local.kill(directory)
        shutil.rmtree(directory)


@contextmanager
def _port_mapper() -> Iterator[int]:
    """Run Erlang's port mapper for all nodes of a cluster: that of a single node ends with it."""
    installation = find_installation(os.environ.get("PATH", os.defpath))
    assert installation is not None
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="amqptool-epmd-") as directory:
        environ = {"PATH": os.environ["PATH"], "ERL_EPMD_ADDRESS": LOCALHOST, "ERL_EPMD_PORT": str(port)}
        mapper = process.spawn(
            [str(installation.epmd)], environ=environ, directory=Path(directory), log=Path(directory, "log")
        )
        process.wait_until(lambda: listens(port) or not mapper.alive, 10.0)
        try:
            yield port
        finally:
            process.kill(mapper)


def _make_member(directory: Path, epmd_port: int) -> None:
    cookie = directory / ".erlang.cookie"
    cookie.write_text(_COOKIE)
    cookie.chmod(0o400)
    (directory / "rabbitmq-env.conf").write_text(f"export ERL_EPMD_PORT={epmd_port}\n")


def _join(node: RunningNode, first: RunningNode) -> None:
    for words in (("stop_app",), ("join_cluster", f"amqptool-{first.url.port}@localhost"), ("start_app",)):
        rabbitmqctl(node, *words)
