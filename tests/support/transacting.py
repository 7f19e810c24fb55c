"""Workers of one process, whose handlers have their effects in the transaction of DONE.

    python -m tests.support.transacting URL STORE WORKERS CONCURRENCY

Each message has two effects, the first and the last thing that its handler does. They work on queue `q` until SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

from amqptool import Delivery, Worker


def handle(delivery: Delivery, transaction: Any) -> None:
    """Have two effects."""
    for part in ("first", "last"):
        transaction.execute(f"INSERT INTO effect VALUES ('{delivery.body.decode()} {part}')")


async def work(url: str, store: str, count: int, concurrency: int) -> None:
    """Let so many workers share the loop."""
    settings: dict[str, Any] = {"dedup_scope": "test", "prefetch": 50, "concurrency": concurrency}
    workers = [Worker(url, "q", handle, dedup=store, transaction=True, **settings) for _ in range(count)]

    def stop() -> None:
        for worker in workers:
            worker.stop()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    await asyncio.gather(*(worker.serve() for worker in workers))


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
