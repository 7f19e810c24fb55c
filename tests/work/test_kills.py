"""A worker killed with SIGKILL at each step: nothing is lost, and an effect repeats only where we say so."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from amqptool import AmqpUrl, Message, SqliteStore, Worker, WorkReport
from tests.support.broker import declare_queue, drain, publish, queue_length
from tests.support.doomed import record_effect
from tests.support.proxy import BASIC_ACK, proxy_before


def start_doomed(url: AmqpUrl, step: str, directory: Path) -> subprocess.Popen[bytes]:
    """Start a worker process that dies at a step."""
    command = [sys.executable, "-m", "tests.support.doomed", url.reveal(), step, str(directory)]
    return subprocess.Popen(command, cwd=Path(__file__).parents[2])


def prepare(url: AmqpUrl) -> None:
    """Put one message into queue `q`."""

    async def scenario() -> None:
        await declare_queue(url, "q")
        await publish(url, [Message(body=b"release", routing_key="q")])

    asyncio.run(scenario())


def survive(url: AmqpUrl, directory: Path, messages: int = 1) -> tuple[WorkReport, int]:
    """Let a healthy worker work off what the dead one left; return its report and what is still queued."""

    async def scenario() -> tuple[WorkReport, int]:
        report = await Worker(
            url,
            "q",
            lambda delivery: record_effect(directory, delivery),
            dedup=SqliteStore(directory / "dedup.db"),
            dedup_scope="test",
            max_messages=messages,
            timeout=30,
        ).serve()
        return report, await queue_length(url, "q")

    return asyncio.run(scenario())


def effects(directory: Path) -> int:
    """Count the effects that handlers had."""
    file = directory / "effects"
    return len(file.read_bytes().splitlines()) if file.exists() else 0


@pytest.mark.parametrize(
    ("step", "expected_effects", "duplicates"),
    [
        ("after-claim", 1, 0),
        ("after-effect", 2, 0),  # the one window: between the effect and DONE
        ("after-done", 1, 1),
    ],
)
def test_a_worker_killed_in_a_step(
    amqptool_vhost: AmqpUrl, tmp_path: Path, step: str, expected_effects: int, duplicates: int
) -> None:
    """The next worker takes the dead one's claim over at once, and repeats an effect only before DONE."""
    prepare(amqptool_vhost)
    assert start_doomed(amqptool_vhost, step, tmp_path).wait(60) == -signal.SIGKILL
    report, left = survive(amqptool_vhost, tmp_path)
    assert (effects(tmp_path), report.duplicates, left) == (expected_effects, duplicates, 0)


@pytest.mark.parametrize("step", ["after-copy", "after-release"])
def test_a_worker_killed_between_a_copy_and_the_ack_of_its_original(
    amqptool_vhost: AmqpUrl, tmp_path: Path, step: str
) -> None:
    """Both come to the next worker: one is handled, and the other is its duplicate."""
    prepare(amqptool_vhost)
    assert start_doomed(amqptool_vhost, step, tmp_path).wait(60) == -signal.SIGKILL
    report, left = survive(amqptool_vhost, tmp_path, messages=2)
    assert (effects(tmp_path), report.handled, report.duplicates, left) == (1, 1, 1, 0)


def test_a_worker_killed_before_its_ack_arrives(amqptool_vhost: AmqpUrl, tmp_path: Path) -> None:
    """An ack that never reached the broker costs a redelivery, which is suppressed: one effect."""
    prepare(amqptool_vhost)
    doomed: list[subprocess.Popen[bytes]] = []
    with proxy_before(amqptool_vhost, BASIC_ACK, lambda: doomed[0].kill()) as url:
        doomed.append(start_doomed(url, "never", tmp_path))
        assert doomed[0].wait(60) == -signal.SIGKILL
    report, left = survive(amqptool_vhost, tmp_path)
    assert (effects(tmp_path), report.duplicates, left) == (1, 1, 0)


def test_a_message_that_kills_its_process_is_dead_in_the_end_and_its_neighbours_are_handled(
    amqptool_vhost: AmqpUrl, tmp_path: Path
) -> None:
    """Two attempts are counted, those that it made alone; who was merely in hand beside it loses none."""
    neighbours = [b"%d" % number for number in range(10)]

    async def prepare_all() -> None:
        await declare_queue(amqptool_vhost, "q")
        bodies = [*neighbours[:5], b"poison", *neighbours[5:]]
        await publish(amqptool_vhost, [Message(body=body, routing_key="q") for body in bodies])

    asyncio.run(prepare_all())
    ends = [start_doomed(amqptool_vhost, "poison", tmp_path).wait(60) for _ in range(4)]
    [dead] = asyncio.run(drain(amqptool_vhost, "dead"))

    assert ends == [-signal.SIGKILL] * 3 + [0]
    assert (dead.body, dead.headers["amqptool-reason"]) == (b"poison", "interrupted")
    assert sorted((tmp_path / "effects").read_bytes().splitlines()) == neighbours
    assert asyncio.run(queue_length(amqptool_vhost, "q")) == 0
