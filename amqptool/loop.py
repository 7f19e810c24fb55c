"""Running an event loop to an end that comes, whatever is still in it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")

log = logging.getLogger(__name__)

#: Seconds in which tasks end once they are cancelled, and then threads once nothing more is asked of them.
PATIENCE = 2.0


def run(main: Coroutine[object, object, T], *, on_left: Callable[[], object] = lambda: None) -> T:
    """Run a coroutine as `asyncio.run` does, but do not wait for ever for what it leaves behind.

    `on_left` is called if a task goes on although it was cancelled, or a thread of the loop's executor is busy.
    """
    runner = asyncio.Runner()
    try:
        return runner.run(main)
    finally:
        if runner.run(_end_all()):
            runner.close()
        else:
            runner.get_loop().close()  # a runner would wait
            on_left()


async def _end_all() -> bool:
    """End all other tasks and the executor, as far as they do; return whether all did."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    left = await _not_ended(rest)
    if left:
        log.warning("tasks that cancelling does not end, and that are left behind: %d", len(left))
    return not (left | await _not_ended({asyncio.create_task(_free())}))


async def _not_ended(tasks: set[asyncio.Task[object]]) -> set[asyncio.Task[object]]:
    return (await asyncio.wait(tasks, timeout=PATIENCE))[1] if tasks else set()


async def _free() -> None:
    loop = asyncio.get_running_loop()
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()
