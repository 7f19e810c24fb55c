"""Many messages, half of them twice, and workers and brokers that are killed meanwhile: one effect each."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Literal
from uuid import UUID

import pytest

from amqptool import AmqpUrl, Delivery, MemoryStore, Message, SqliteStore, Worker, WorkReport
from amqptool.broker import local
from amqptool.broker.local import RunningNode
from amqptool.work.pipeline import COMMIT_GROUP
from tests.support.broker import declare_queue, publish, queue_length
from tests.support.ctl import keep_declarations
from tests.support.herd import Herd

#: How many workers each process has.
PROCESSES = (1, 2)
#: How many processes are killed; the broker, whose start takes seconds, is killed half as often.
KILLS = 2


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    while not condition():
        time.sleep(0.02)


class Crowd(Herd):
    """Processes of workers on one queue, and what they did."""

    def __init__(self, url: AmqpUrl, directory: Path, commit: str) -> None:
        self._directory = directory
        module, where = "tests.support.crowd", (url.reveal(), str(directory))
        super().__init__([(module, *where, str(count), commit) for count in PROCESSES])

    def effects(self) -> list[tuple[int, bytes]]:
        """Return which process had which effects, in their order."""
        file = self._directory / "effects"
        lines = file.read_bytes().splitlines() if file.exists() else []
        return [(int(pid), body) for pid, body in (line.split() for line in lines)]


def messages(count: int) -> list[Message]:
    """Make so many messages to `q`, and every other one twice, far from itself."""
    ids = [str(UUID(int=number + 1)) for number in range(count)]
    once = [Message(body=b"%d" % number, routing_key="q", message_id=ids[number]) for number in range(count)]
    return once + once[::2]


def survive(node: RunningNode, url: AmqpUrl, directory: Path, kind: str, count: int, kills: int, commit: str) -> Crowd:
    """Let a crowd work all off, killing a process again and again, and the broker half as often."""
    asyncio.run(declare_queue(url, "q", **{"x-queue-type": kind}))
    keep_declarations(node)
    asyncio.run(publish(url, messages(count)))
    chance = random.Random(7)
    with Crowd(url, directory, commit) as crowd:
        for number in range(1, kills + 1):
            until(lambda: len(crowd.effects()) >= count * number // (kills + 1))  # noqa: B023  # called at once
            crowd.kill_one(chance)
            if number % 2 == 0:
                local.kill(node.directory)
                local.start(node.directory)
        with closing(SqliteStore(directory / "dedup.db")) as store:  # effects of the killed may lack their DONE
            until(lambda: sum(scope.done for scope in store.counts()) == count)
        crowd.end()
    report = asyncio.run(work_off_the_rest(url, directory))
    assert (report.handled, report.returned) == (0, 0)  # copies, and what could not be acknowledged
    return crowd


async def work_off_the_rest(url: AmqpUrl, directory: Path) -> WorkReport:
    """Let one more worker take what is left, until nothing comes."""
    store = f"sqlite:///{directory}/dedup.db"
    return await Worker(url, "q", lambda _: None, dedup=store, dedup_scope="test", idle_timeout=2).serve()


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("kind", "commit", "most"),
    [("classic", "group", COMMIT_GROUP + 1), ("quorum", "group", COMMIT_GROUP + 1), ("quorum", "each", 1)],
)
def test_killed_workers_and_brokers_cost_nothing_and_repeat_little(
    mortal_node: RunningNode,
    mortal_vhost: AmqpUrl,
    tmp_path: Path,
    kind: str,
    commit: Literal["group", "each"],
    most: int,
) -> None:
    """What is done twice was being done by a process that was killed then, in each worker at most a commit's worth."""
    crowd = survive(mortal_node, mortal_vhost, tmp_path, kind, 1000, KILLS, commit)
    assert asyncio.run(queue_length(mortal_vhost, "q")) == 0

    processes: defaultdict[bytes, list[int]] = defaultdict(list)
    for pid, body in crowd.effects():
        processes[body].append(pid)
    assert len(processes) == 1000
    repeated = Counter(itertools.chain.from_iterable(pids[:-1] for pids in processes.values()))
    assert set(repeated) <= crowd.killed
    assert all(number <= most * max(PROCESSES) for number in repeated.values())


@pytest.mark.timeout(300)
def test_messages_that_wait_survive_a_broker_that_is_killed_as_they_come_back(
    mortal_node: RunningNode, mortal_vhost: AmqpUrl
) -> None:
    """A wait queue lets go of none before its work queue has it on disk."""
    count = 300

    async def scenario(node: RunningNode, url: AmqpUrl) -> tuple[WorkReport, Counter[bytes]]:
        await declare_queue(url, "q", **{"x-queue-type": "quorum"})
        await asyncio.to_thread(keep_declarations, node)
        bodies = [b"%d" % number for number in range(count)]
        await publish(url, [Message(body=body, routing_key="q") for body in bodies])
        came_back, handled = asyncio.Event(), Counter[bytes]()

        async def handle(delivery: Delivery) -> None:
            if delivery.attempt == 1:
                raise ValueError
            came_back.set()
            handled[delivery.body] += 1

        worker = Worker(url, "q", handle, dedup=MemoryStore(), retry=(3,), prefetch=50)
        serving = asyncio.create_task(worker.serve())
        while worker.report.retried < count:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(keep_declarations, node)
        await came_back.wait()
        await asyncio.to_thread(local.kill, node.directory)
        await asyncio.to_thread(local.start, node.directory)
        while len(handled) < count:
            await asyncio.sleep(0.01)
        worker.stop()
        return await serving, handled

    report, handled = asyncio.run(scenario(mortal_node, mortal_vhost))
    assert handled == {b"%d" % number: 1 for number in range(count)}
    assert report.handled >= count
