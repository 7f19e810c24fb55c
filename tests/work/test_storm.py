"""Thousands of copies of one message, over several workers at once."""

from __future__ import annotations

import asyncio
import os
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

from amqptool import AmqpUrl, Delivery, Message, SqliteStore, Worker
from amqptool.dedup.interface import Claim, Key
from tests.support.broker import declare_queue, publish, queue_length
from tests.support.monitoring import until

#: How many; 10,000 take some ten seconds.
COPIES = int(os.environ.get("AMQPTOOL_TEST_COPIES", "2000"))
WORKERS, PREFETCH = 4, 50
ID = "5e0f5e3c-8d53-4c1c-9c37-0d6f3a9d7f11"


class CountingStore(SqliteStore):
    """Counts for how many keys it was asked."""

    asked = 0

    def claim(self, keys: Sequence[Key]) -> list[Claim]:
        """Count, and claim."""
        self.asked += len(keys)
        return super().claim(keys)


def test_a_storm_of_copies_has_one_effect_and_little_cost(amqptool_vhost: AmqpUrl, tmp_path: Path) -> None:
    """While the first is handled the others are held, with few looks; memory holds what is in hand and no more."""
    effects: list[bytes] = []
    free = asyncio.Event()
    body = b"x" * 10_000
    stores = [CountingStore(tmp_path / "dedup.db") for _ in range(WORKERS)]

    async def handle(delivery: Delivery) -> None:
        effects.append(delivery.body)
        await free.wait()

    async def scenario() -> list[Worker]:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=body, routing_key="q", message_id=ID) for _ in range(COPIES)])
        workers = [Worker(amqptool_vhost, "q", handle, dedup=store, prefetch=PREFETCH) for store in stores]
        tracemalloc.start()
        async with asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(worker.serve())
            await until(lambda: sum(worker.status.held for worker in workers) == WORKERS * PREFETCH - 1)
            free.set()
            await until(lambda: sum(worker.report.acknowledged for worker in workers) == COPIES)
            for worker in workers:
                worker.stop()
        return workers

    workers = asyncio.run(scenario())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    for store in stores:
        store.close()
    assert effects == [body]
    assert sum(worker.report.duplicates for worker in workers) == COPIES - 1
    assert asyncio.run(queue_length(amqptool_vhost, "q")) == 0
    assert peak < 4 * WORKERS * PREFETCH * len(body)
    assert sum(store.asked for store in stores) < 2 * COPIES
