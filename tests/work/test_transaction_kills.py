"""Workers under kills whose effects are in the transaction of DONE: each message has its effects exactly once."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from random import Random
from uuid import UUID

import pytest

from amqptool import AmqpUrl, Message, Worker, WorkReport
from tests.support.broker import declare_queue, publish, queue_length
from tests.support.herd import Herd
from tests.support.places import Place

#: How many messages, every other one twice, and how many kills.
COUNT = int(os.environ.get("AMQPTOOL_TEST_TRANSACTIONS", "300"))
KILLS = 4 + COUNT // 500
#: How many workers each process has, and how many handlers each of these runs at a time.
PROCESSES, CONCURRENCY = (1, 2), 4


async def prepare(url: AmqpUrl, chance: Random) -> None:
    """Publish the messages and their copies, in any order."""
    once = [
        Message(body=b"%d" % number, routing_key="q", message_id=str(UUID(int=number + 1))) for number in range(COUNT)
    ]
    await declare_queue(url, "q")
    await publish(url, chance.sample(both := once + once[::2], len(both)))


def count(place: Place) -> int:
    """Count the effects."""
    with place.connect() as connection:
        [[number]] = connection.execute("SELECT count(*) FROM effect").fetchall()
    return int(number)


async def work_off_the_rest(url: AmqpUrl, place: Place) -> WorkReport:
    """Let one more worker take what is left, until nothing comes; nothing of it is to be done."""

    def refuse(_delivery: object, _transaction: object) -> None:
        raise AssertionError("not done before")

    settings = {"dedup_scope": "test", "transaction": True}
    return await Worker(url, "q", refuse, dedup=place.url, idle_timeout=1, **settings).serve()


@pytest.mark.timeout(3600)
def test_killed_workers_cost_no_effect_and_repeat_none(amqptool_vhost: AmqpUrl, place: Place) -> None:
    """However many are killed, at any moment, the table, which has no unique key, holds each effect once."""
    chance = Random(7)
    asyncio.run(prepare(amqptool_vhost, chance))
    module, where = "tests.support.transacting", (amqptool_vhost.reveal(), place.url)
    with Herd([(module, *where, str(workers), str(CONCURRENCY)) for workers in PROCESSES]) as herd:
        for kill in sorted(chance.sample(range(1, 2 * COUNT), KILLS)):
            while count(place) < kill:
                time.sleep(0.01)
            herd.kill_one(chance)
        while count(place) < 2 * COUNT:
            time.sleep(0.01)
        herd.end()
    report = asyncio.run(work_off_the_rest(amqptool_vhost, place))

    assert Counter(place.effects()) == {f"{number} {part}": 1 for number in range(COUNT) for part in ("first", "last")}
    assert (report.failed_attempts, asyncio.run(queue_length(amqptool_vhost, "q"))) == (0, 0)
    assert len(herd.killed) == KILLS
