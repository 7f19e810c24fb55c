"""Workers of one process, each effect of whose handlers is a line in a file.

    python -m tests.support.crowd URL DIRECTORY WORKERS COMMIT

A line is the process, and the body. They work on queue `q` until SIGTERM.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Literal

from amqptool import BrokerUnavailable, Delivery, Worker


async def work(url: str, directory: Path, count: int, commit: Literal["group", "each"]) -> None:
    """Let so many workers share the loop."""
    effects = os.open(directory / "effects", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def handle(delivery: Delivery) -> None:
        os.write(effects, b"%d %s\n" % (os.getpid(), delivery.body))

    store = f"sqlite:///{directory}/dedup.db"
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)

    async def serve() -> None:
        worker = Worker(url, "q", handle, dedup=store, dedup_scope="test", commit=commit, prefetch=100)
        stop = asyncio.create_task(stopping.wait())
        stop.add_done_callback(lambda _: worker.stop())
        await worker.serve()

    async def keep_serving() -> None:
        while not stopping.is_set():
            with suppress(BrokerUnavailable):  # which it was killed to be, and this the first connection
                await serve()

    await asyncio.gather(*(keep_serving() for _ in range(count)))


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))  # type: ignore[arg-type]
