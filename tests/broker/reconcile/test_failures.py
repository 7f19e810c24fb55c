"""Declaring that is cut off at any point, or done twice at once."""

from __future__ import annotations

import asyncio
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from amqptool import AmqptoolError, AmqpUrl, Topology, declare
from amqptool.broker.actual import read_actual
from amqptool.broker.local import Endpoint
from amqptool.broker.management import Management
from amqptool.broker.reconcile import Permits, reconcile
from amqptool.testing import fresh_vhost
from amqptool.topology.diff import Ownership, diff
from tests.support.broker import delete_queue
from tests.support.cli import cli_arguments, cli_environment
from tests.support.faulty import faulty_line
from tests.support.proxy import Cut, proxy_that_cuts
from tests.support.vhost import VhostUnderTest

#: Who declares this for the first time has everything to do; who has BEFORE has to replace and to prune, too.
FILE = """
exchanges:
  orders: topic
  rest: {type: fanout, bindings: [{source: orders, routing_key: "#"}]}
queues:
  jobs: {max_length: 20, retry: [5s], bindings: [{source: orders, routing_key: a}, {source: rest}]}
policies:
  - {name: ttl, pattern: "^jobs$", definition: {message-ttl: 5000}}
"""
BEFORE = """
exchanges:
  orders: {type: direct, bindings: [{source: amq.topic, routing_key: x}]}
  theirs: {type: fanout, auto_delete: true}
queues:
  jobs: {max_length: 10, bindings: [{source: orders, routing_key: a}, {source: theirs}]}
  other: {bindings: [{source: orders, routing_key: b}]}
  old: {bindings: [{source: orders}]}
"""
#: What others have bound in BEFORE, which no run may lose.
THEIRS = {
    "binding of exchange orders to amq.topic with key 'x'",
    "binding of queue jobs to theirs",
    "binding of queue other to orders with key 'b'",
}
EVERYTHING = Permits(replace=True, prune=Ownership(prefixes=("old",)))


async def run(node: Endpoint, url: AmqpUrl, permits: Permits) -> list[AmqptoolError]:
    """Declare the file and return what failed."""
    async with Management.at(node.management_url, url) as management:
        outcomes = await reconcile(url, management, Topology.parse(FILE), permits)
        return [each.error for each in outcomes if each.error is not None]


async def left_to_do(node: Endpoint, url: AmqpUrl, permits: Permits) -> tuple[str, ...]:
    """Return what a plan would still change."""
    async with Management.at(node.management_url, url) as management:
        actual = await read_actual(management, [url.vhost])
        plan = diff(Topology.parse(FILE), actual, vhost=url.vhost, prune=permits.prune)
        return tuple(str(change.object) for change in plan.changes)


async def cut_after(frames: int, node: Endpoint, url: AmqpUrl, permits: Permits) -> bool:
    """Declare through a connection that is cut after some frames; return whether it came to that."""
    cut = Cut(frames)
    with proxy_that_cuts(url, cut) as proxied, suppress(AmqptoolError):
        await run(node, proxied, permits)
    return cut.happened


@pytest.mark.parametrize(
    ("before", "permits", "step"),
    [(None, Permits(), 1), (BEFORE, EVERYTHING, 2)],
    ids=["first", "replacing and pruning"],
)
@pytest.mark.timeout(600)
def test_a_cut_at_any_frame_is_completed_by_running_again(
    amqptool_node: Endpoint, before: str | None, permits: Permits, step: int
) -> None:
    """Whatever was done by then, the second run brings the file's state, and no binding of others is lost."""

    async def scenario(frames: int, url: AmqpUrl) -> bool:
        if before is not None:
            await declare(url, Topology.parse(before))
        was_cut = await cut_after(frames, amqptool_node, url, permits)
        assert await run(amqptool_node, url, permits) == [], f"cut after {frames} frames"
        assert await left_to_do(amqptool_node, url, permits) == (), f"cut after {frames} frames"
        return was_cut

    cuts = 0
    for frames in count(step=step):
        with fresh_vhost(amqptool_node) as url:
            was_cut = asyncio.run(scenario(frames, url))
            names = VhostUnderTest(amqptool_node, url).names()
        assert before is None or names >= THEIRS, f"cut after {frames} frames"
        assert not [name for name in names if "amqptool.replace" in name], f"cut after {frames} frames"
        cuts += was_cut
        if not was_cut:
            break
    assert cuts > 15


def test_a_queue_that_is_deleted_before_it_is_bound_is_told(amqptool_vhost: AmqpUrl) -> None:
    """Its binding is not reported as made, and running again completes it."""
    topology = Topology.parse("exchanges: {e: fanout}\nqueues: {q: {bindings: [{source: e}]}}")
    declare_ok = b"\x00\x32\x00\x0b"  # class 50, method 11

    async def scenario() -> list[list[str]]:
        async with faulty_line(amqptool_vhost) as (line, url):

            def delete_once(chunk: bytes) -> bytes:
                if declare_ok in chunk:
                    line.edit = lambda chunk: chunk
                    with ThreadPoolExecutor(1) as thread:
                        thread.submit(asyncio.run, delete_queue(amqptool_vhost, "q")).result()
                return chunk

            line.edit = delete_once
            return [[str(each.error) for each in await declare(url, topology) if each.error] for _ in range(2)]

    first, second = asyncio.run(scenario())
    assert len(first) == 1
    assert "no queue 'q'" in first[0]
    assert second == []


def both(vhost: VhostUnderTest, *words: str) -> list[subprocess.Popen[str]]:
    """Run two commands at once, to their end."""
    started = [
        subprocess.Popen(
            cli_arguments("declare", *words),
            env=cli_environment(vhost.env),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in started:
        _, complaints = process.communicate(timeout=100)
        assert process.returncode == 0, complaints
    return started


@pytest.mark.parametrize("permitted", [False, True], ids=["first", "replacing and pruning"])
def test_two_at_once_both_end_well(
    amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, tmp_path: Path, permitted: bool
) -> None:
    """Neither undoes what the other did, and both report success."""
    vhost = VhostUnderTest(amqptool_node, amqptool_vhost)
    path = tmp_path / "app.yaml"
    path.write_text(FILE)
    if permitted:
        vhost.holds(BEFORE)
    words = ["--allow-replace", "--prune", "--owns", "old"] if permitted else []
    both(vhost, *words, str(path))
    assert asyncio.run(left_to_do(amqptool_node, amqptool_vhost, EVERYTHING if permitted else Permits())) == ()
    assert not permitted or vhost.names() >= THEIRS
