"""Workers beside something else on one event loop, such as a web application."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from amqptool.work.report import WorkReport
    from amqptool.work.worker import Worker

log = logging.getLogger(__name__)


@asynccontextmanager
async def running(*workers: Worker) -> AsyncIterator[None]:
    """Run workers while a block runs; leaving it lets them finish what they have in hand, within their grace.

    The block begins when all of them consume. One that ends with an error meanwhile is logged, and its error raised
    when the block ends; the others go on.

    Raises:
        AmqptoolError: a worker could not begin, or ended with an error; see `Worker.serve`.
    """
    serving = [asyncio.create_task(worker.serve()) for worker in workers]
    try:
        for worker, task in zip(workers, serving, strict=True):
            await _begun(worker, task)
            task.add_done_callback(_log_failure)
        yield
    finally:
        await _end(workers, serving)
    for task in serving:
        task.result()


async def _begun(worker: Worker, serving: asyncio.Task[WorkReport]) -> None:
    beginning = asyncio.create_task(worker.consuming())
    try:
        await asyncio.wait({serving, beginning}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        beginning.cancel()
    if serving.done():
        serving.result()


async def _end(workers: Sequence[Worker], serving: Sequence[asyncio.Task[WorkReport]]) -> None:
    for worker in workers:
        worker.stop()
    await asyncio.gather(*serving, return_exceptions=True)


def _log_failure(serving: asyncio.Task[WorkReport]) -> None:
    if not serving.cancelled() and (error := serving.exception()) is not None:
        log.error("a worker has ended: %s", error, extra={"error": type(error).__name__})
