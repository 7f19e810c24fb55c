"""Blocking calls in one thread, for an event loop."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")


class Calls(Protocol):
    """Makes blocking calls for an event loop, one at a time, in order."""

    async def call(self, function: Callable[[], T]) -> T:
        """Call a function, and wait for what it returns or raises."""
        ...

    def leave(self, function: Callable[[], object]) -> None:
        """Have a function called for which nobody waits, nor hears of its errors."""
        ...

    async def close(self, timeout: float, at_last: Callable[[], object]) -> None:
        """Wait for so many seconds until all calls are made, and one more at last."""
        ...


class Caller:
    """Makes one call at a time, in order.

    Its thread is a daemon, unlike that of an executor: a call that does not end cannot keep the process from ending.
    """

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._at_last: Callable[[], object] = lambda: None
        self._thread = Thread(target=self._call_forever, name=name, daemon=True)
        self._thread.start()

    async def call(self, function: Callable[[], T]) -> T:
        """Call a function in the thread, and wait for what it returns or raises."""
        future: Future[T] = Future()
        self._calls.put((future, function))
        return await asyncio.wrap_future(future)

    def leave(self, function: Callable[[], object]) -> None:
        """Have a function called in the thread for which nobody waits."""
        self._calls.put((Future(), function))

    async def close(self, timeout: float, at_last: Callable[[], object] = lambda: None) -> None:
        """End the thread once it has made its calls, `at_last` the last; after so many seconds, leave it to itself."""
        self._at_last = at_last
        self._calls.put(None)
        await asyncio.to_thread(self._thread.join, timeout)

    def _call_forever(self) -> None:
        for future, function in self._all_calls():
            if future.set_running_or_notify_cancel():
                _settle(future, function)
            del future, function  # which hold what the caller may want to see freed
        _settle(Future(), self._at_last)

    def _all_calls(self) -> Iterator[tuple[Future[Any], Callable[[], Any]]]:
        """Yield calls until it is closed, and those that came meanwhile."""
        while (call := self._calls.get()) is not None:
            yield call
            del call
        with suppress(Empty):
            while True:
                if (call := self._calls.get_nowait()) is not None:
                    yield call


def _settle(future: Future[T], function: Callable[[], T]) -> None:
    try:
        future.set_result(function())
    except BaseException as error:
        future.set_exception(error)
