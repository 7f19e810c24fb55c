"""A cluster of three nodes that loses some of them loses no message of a quorum queue."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from amqptool import AmqpUrl
from amqptool.broker import local
from amqptool.broker.local import RunningNode
from amqptool.cli.exits import ExitCode
from amqptool.testing import fresh_vhost
from tests.faults.nodes import private_nodes
from tests.faults.run import Slice, run
from tests.faults.schedule import Kind
from tests.support.broker import declare_queue, drain
from tests.support.cli import run_cli
from tests.support.ctl import keep_declarations

pytestmark = pytest.mark.timeout(300)  # a cluster takes half a minute to start

TOPOLOGY = """\
queues:
  another:
    queue_type: quorum
"""


def start(nodes: list[RunningNode]) -> list[RunningNode]:
    """Start those nodes that do not run, at once: neither may wait for the other."""
    with ThreadPoolExecutor(len(nodes)) as threads:
        return list(threads.map(local.start, [node.directory for node in nodes]))


@pytest.fixture(scope="module")
def _cluster() -> Iterator[list[RunningNode]]:
    with private_nodes(3) as nodes:
        yield nodes


@pytest.fixture
def cluster(_cluster: list[RunningNode]) -> list[RunningNode]:
    """Give three nodes that are a cluster, running."""
    return start(_cluster)


@pytest.fixture
def vhost(cluster: list[RunningNode]) -> Iterator[AmqpUrl]:
    """Give the URL of a vhost on the first node."""
    with fresh_vhost(cluster[0]) as url:
        yield url


def test_a_leader_that_is_killed_is_a_pause(cluster: list[RunningNode], vhost: AmqpUrl, tmp_path: Path) -> None:
    """A19: while a publisher and workers go on, through all nodes: nothing is lost, or repeated without a reason."""
    asked = Slice(messages=400, faults=1, seed=19, queue_type="quorum", nodes=3, longest=0.5, kinds=(Kind.KILL_LEADER,))
    result = run(cluster, vhost.vhost, tmp_path, asked)
    assert result.is_sound, (result.verdict, result.surprises, result.ends)
    assert [struck.has_hit for struck in result.struck] == [True]


def test_without_a_majority_nothing_is_said_to_be_done(
    cluster: list[RunningNode], vhost: AmqpUrl, tmp_path: Path
) -> None:
    """A20: what the only node left takes is not confirmed; when the others are back, all that was is there."""
    (tmp_path / "topology.yaml").write_text(TOPOLOGY)
    survivor = ("--url", replace(vhost, port=cluster[0].url.port).reveal())
    asyncio.run(declare_queue(vhost, "q", **{"x-queue-type": "quorum"}))
    for node in cluster:
        keep_declarations(node)
    before = run_cli("publish", "-k", "q", "before", "--count", "20", *survivor)
    for node in cluster[1:]:
        local.kill(node.directory)
    impatient = ("--confirm-timeout", "2s", "--reconnect-timeout", "2s")
    publish = run_cli("publish", "-k", "q", "meanwhile", *impatient, *survivor)
    declare = run_cli("declare", str(tmp_path / "topology.yaml"), "--amqp-only", *survivor)
    start(cluster)
    after = run_cli("publish", "-k", "q", "after", *survivor)
    assert before.returncode == 0, before.stderr
    assert publish.returncode == ExitCode.TRY_AGAIN, publish.stderr
    assert declare.returncode == ExitCode.UNAVAILABLE, declare.stderr
    assert after.returncode == 0, after.stderr
    bodies = [delivery.body for delivery in asyncio.run(drain(vhost, "q"))]
    assert bodies.count(b"before") == 20
    assert b"after" in bodies
