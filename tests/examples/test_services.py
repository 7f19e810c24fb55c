"""The README's web services, asked over HTTP, on real servers and a real broker."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from amqptool import AmqpUrl, Topology, declare
from amqptool.broker.local import process
from amqptool.broker.local.node import free_port, listens
from tests.docs.check import README
from tests.support.broker import delete_queue, drain, queue_length
from tests.support.cli import UNMEASURED, cli_environment

HERE = Path(__file__).parent
TOPOLOGIES = HERE.parents[1] / "topologies"
#: Seconds that a server may take to begin, and to end.
PATIENCE = 60.0
HYPERCORN = (sys.executable, "-m", "hypercorn", "releases_service:app", "--bind")
GUNICORN = (
    sys.executable,
    "-m",
    "gunicorn",
    "orders_service:app",
    "--workers",
    "2",
    "--threads",
    "4",
    "--preload",
    "-b",
)


def declare_topology(url: AmqpUrl, name: str) -> None:
    """Declare what one of the example files says."""
    declared = asyncio.run(declare(url, Topology.load(TOPOLOGIES / name)))
    assert [each.error for each in declared if each.error] == []


@contextmanager
def served(command: Sequence[str], url: AmqpUrl, directory: Path) -> Iterator[str]:
    """Run a web server in a directory, and give its address; told to end, it has to end by itself."""
    port = free_port()
    env = cli_environment(
        {**UNMEASURED, "AMQPTOOL_URL": url.reveal(), "PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parents[1]}"}
    )
    with subprocess.Popen([*command, f"127.0.0.1:{port}"], cwd=directory, env=env, stderr=subprocess.DEVNULL) as server:
        try:
            process.wait_until(lambda: listens(port) or server.poll() is not None, PATIENCE)
            yield f"http://127.0.0.1:{port}"
            server.send_signal(signal.SIGTERM)
            server.wait(PATIENCE)
        finally:
            server.kill()


def asked(address: str, body: Any = None) -> tuple[int, Any]:
    """Ask a service, by a POST if there is a body; return the status and what it answers."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.parametrize("name", ["releases_service.py", "orders_service.py"])
def test_the_readme_shows_the_examples(name: str) -> None:
    """As they are."""
    assert f"```python\n{(HERE / name).read_text()}```\n" in README.read_text()


def test_an_asyncio_service_publishes_and_works(amqptool_vhost: AmqpUrl, tmp_path: Path) -> None:
    """What is posted is published, confirmed, and handled by the worker beside the application."""
    declare_topology(amqptool_vhost, "app-publishing.yaml")
    releases = [{"app": "maps", "version": number} for number in range(20)]
    with served(HYPERCORN, amqptool_vhost, tmp_path) as address, ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda each: asked(f"{address}/releases", each), releases))
        assert {status for status, _ in answers} == {202}
        assert len({answer["id"] for _, answer in answers}) == 20
        announced: list[Any] = []
        while len(announced) < 20:
            _, announced = asked(f"{address}/announced")
    assert sorted(announced, key=lambda each: int(each["version"])) == releases
    assert asyncio.run(queue_length(amqptool_vhost, "notifications")) == 0


def test_what_the_broker_does_not_accept_is_no_success(amqptool_vhost: AmqpUrl, tmp_path: Path) -> None:
    """Whoever posts is told so, and why."""
    declare_topology(amqptool_vhost, "tasks.yaml")
    with served(GUNICORN, amqptool_vhost, tmp_path) as address:
        asyncio.run(delete_queue(amqptool_vhost, "tasks"))
        status, answer = asked(f"{address}/orders", {"order": 1})
    assert status == 503
    assert "unroutable" in answer["error"]


def test_a_threaded_service_publishes_from_forked_processes(amqptool_vhost: AmqpUrl, tmp_path: Path) -> None:
    """Each over a connection of its own, though the application was loaded before the fork."""
    declare_topology(amqptool_vhost, "tasks.yaml")
    processes: dict[int, None] = {}
    orders = 0
    with served(GUNICORN, amqptool_vhost, tmp_path) as address, ThreadPoolExecutor(8) as threads:
        while len(processes) < 2:
            answers = list(threads.map(lambda order: asked(f"{address}/orders", {"order": order}), range(20)))
            orders += 20
            assert {status for status, _ in answers} == {202}
            processes |= dict.fromkeys(answer["process"] for _, answer in answers)
    assert len(asyncio.run(drain(amqptool_vhost, "tasks"))) == orders
