"""Waiting for one thing, unless another comes first."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

T = TypeVar("T")


async def unless(
    event: asyncio.Event, work: Coroutine[object, object, T], *, discard: Callable[[T], object] = lambda _: None
) -> T | None:
    """Await a coroutine, but cancel it and return None when the event is set first.

    `discard` is given a result that came too late, because this was cancelled in the same moment.
    """
    working = asyncio.ensure_future(work)
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    except asyncio.CancelledError:
        if working.done() and not working.cancelled() and working.exception() is None:
            discard(working.result())
        raise
    finally:
        for task in (working, waiting):
            task.cancel()
        await asyncio.gather(working, waiting, return_exceptions=True)


@contextmanager
def if_late(seconds: float | None, call: Callable[[], object]) -> Iterator[None]:
    """Call something if a block takes longer than so many seconds; without a number, it may take for ever."""
    clock = None if seconds is None else asyncio.get_running_loop().call_later(seconds, call)
    try:
        yield
    finally:
        if clock is not None:
            clock.cancel()
