"""Who runs handlers: tasks of the event loop, or threads. Both tell in batches how their calls ended."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Protocol, TypeAlias

from amqptool.handlers.interface import StopWork
from amqptool.handlers.python import BlockingHandler, finish
from amqptool.log_context import handled
from amqptool.work.transactions import InTransaction

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from amqptool.handlers.interface import Handler
    from amqptool.message import Delivery
    from amqptool.work.item import Item

    #: How a call ended: in an error or in success, unless there is something to be awaited.
    Ending: TypeAlias = Awaitable[object] | Exception | None
    #: Called on the loop with what has ended: each item, and its handler's error.
    OnEnded: TypeAlias = Callable[[list[tuple[Item, Exception | None]]], None]


#: Seconds for which endings are gathered while there is other work: a crash repeats what they are of.
GATHERING = 0.005
#: Seconds for which handlers that await nothing may have the loop, or one call of them if that takes longer.
TURN = 0.01


class Crew(Protocol):
    """Runs the handler for the items it is given, in their order, as many at a time as it has hands.

    A hand whose call raised `StopWork` takes no further item.
    """

    def add(self, items: Sequence[Item]) -> None:
        """Give it work."""
        ...

    def take_back(self) -> list[Item]:
        """Return what was not started, which nobody will start then."""
        ...

    async def end(self, timeout: float) -> None:
        """Cancel what can be cancelled."""
        ...


def crew_of(
    handler: Handler | BlockingHandler | InTransaction, size: int, on_ended: OnEnded, on_stopped: Callable[[Item], None]
) -> Crew:
    """Return a crew for a handler, with so many hands.

    `on_stopped` is told of each item whose handler was cancelled at the end, so that nothing of it goes on.
    """
    if isinstance(handler, InTransaction):
        return ThreadCrew(handler.call, size, on_ended)
    if isinstance(handler, BlockingHandler):
        return ThreadCrew(lambda item: handler.call(item.original), size, on_ended)
    return TaskCrew(handler, size, on_ended, on_stopped)


class _Endings:
    """Gathers how calls ended, and tells the loop of many together.

    What has ended is told at the latest when it is as much as nobody has begun, which `unbegun` counts: meanwhile there
    is work to go on with.
    """

    def __init__(self, tell: OnEnded, call_soon: Callable[..., object], unbegun: Callable[[], int]) -> None:
        self._loop = asyncio.get_running_loop()
        self._tell = tell
        self._call_soon = call_soon
        self._unbegun = unbegun
        self._gathered: deque[tuple[Item, Exception | None]] = deque()
        self._is_due = self._is_due_later = False

    def add(self, item: Item, ending: Exception | None) -> None:
        """Note an ending, from wherever `call_soon` may be called."""
        self._gathered.append((item, ending))
        if self._is_due:
            return
        with suppress(RuntimeError):  # the loop is closed: nobody waits for the ending
            if isinstance(ending, StopWork) or len(self._gathered) >= self._unbegun():
                self._is_due = True
                self._call_soon(self.tell)
            elif not self._is_due_later:
                self._is_due_later = True
                self._call_soon(self._loop.call_later, GATHERING, self.tell)

    def tell(self) -> None:
        """Tell of what was gathered; to be called on the loop."""
        self._is_due = self._is_due_later = False  # first, so that what is added from now on is told too
        if self._gathered:
            self._tell([self._gathered.popleft() for _ in range(len(self._gathered))])


class TaskCrew:
    """Awaits a handler in tasks; the loop gets its turn also between calls that await nothing."""

    def __init__(self, handler: Handler, size: int, on_ended: OnEnded, on_stopped: Callable[[Item], None]) -> None:
        self._handler = handler
        self._on_stopped = on_stopped
        self._work: deque[Item] = deque()
        self._loop = asyncio.get_running_loop()
        self._endings = _Endings(on_ended, self._loop.call_soon, lambda: len(self._work))
        # By when the loop is to have its next turn.
        self._turn_due = 0.0
        self._there_is_work = asyncio.Event()
        self._tasks = [asyncio.create_task(self._work_forever()) for _ in range(size)]
        self._ending = False

    def add(self, items: Sequence[Item]) -> None:
        """Give it work."""
        self._work.extend(items)
        self._there_is_work.set()

    def take_back(self) -> list[Item]:
        """Return what was not started."""
        items = list(self._work)
        self._work.clear()
        return items

    async def end(self, timeout: float) -> None:
        """Cancel the handlers; one that swallows it, or goes on elsewhere, is not told of as stopped."""
        self._ending = True
        for task in self._tasks:
            task.cancel()
        try:
            await asyncio.wait(self._tasks, timeout=timeout)
        finally:
            self._endings.tell()

    async def _work_forever(self) -> None:
        task = _current_task()
        while not self._ending:
            if not self._work:
                self._there_is_work.clear()
                await self._there_is_work.wait()
                continue
            item = self._work.popleft()
            try:
                error = await self._call(item.original)
            except asyncio.CancelledError:
                if self._handler.stops_when_cancelled:
                    self._on_stopped(item)
                raise
            self._endings.add(item, error)
            if isinstance(error, StopWork):
                return
            if task.cancelling():
                await _forget_cancellation(task)
            if self._loop.time() >= self._turn_due:
                await asyncio.sleep(0)
                self._turn_due = self._loop.time() + TURN

    async def _call(self, delivery: Delivery) -> Exception | None:
        handled.set(delivery)
        try:
            await self._handler.handle(delivery)
        except asyncio.CancelledError as error:
            if self._ending:
                raise
            return RuntimeError(f"the handler was cancelled from within: {error}")
        except Exception as error:
            return error
        finally:
            handled.set(None)
        return None


class ThreadCrew:
    """Calls a blocking function in threads, which are started as they are needed.

    They are daemons, so a function that never returns cannot keep the process from ending.
    """

    def __init__(self, call: Callable[[Item], Ending], size: int, on_ended: OnEnded) -> None:
        self._loop = asyncio.get_running_loop()
        self._call = call
        self._size = size
        self._on_ended = on_ended
        self._work: SimpleQueue[Item | None] = SimpleQueue()
        # What is thread-safe wakes the loop, too.
        self._endings = _Endings(self._ended, self._loop.call_soon_threadsafe, self._work.qsize)
        self._threads = 0
        self._unended = 0
        self._awaited: set[Future[None]] = set()

    def add(self, items: Sequence[Item]) -> None:
        """Give it work."""
        self._unended += len(items)
        for item in items:
            self._work.put(item)
        while self._threads < min(self._unended, self._size):
            self._threads += 1
            Thread(target=self._work_forever, name=f"amqptool-handler-{self._threads}", daemon=True).start()

    def take_back(self) -> list[Item]:
        """Return what was not started."""
        items: list[Item] = []
        with suppress(Empty):
            while (item := self._work.get_nowait()) is not None:
                items.append(item)
        self._unended -= len(items)
        return items

    async def end(self, timeout: float) -> None:
        """End the threads, each after the call it is in, which nobody can cancel but for what it awaits."""
        for _ in range(self._threads):
            self._work.put(None)
        awaited = [asyncio.wrap_future(future) for future in tuple(self._awaited)]
        for future in awaited:
            future.cancel()
        try:
            if awaited:
                await asyncio.wait(awaited, timeout=timeout)
        finally:
            self._endings.tell()

    def _work_forever(self) -> None:
        while (item := self._work.get()) is not None:
            error = self._handle(item)
            self._endings.add(item, error)
            if isinstance(error, StopWork):
                return
            del item, error

    def _handle(self, item: Item) -> Exception | None:
        handled.set(item.original)
        ending = self._call(item)
        error = ending if ending is None or isinstance(ending, Exception) else self._wait_for(ending)
        handled.set(None)
        return error

    def _wait_for(self, returned: Awaitable[object]) -> Exception | None:
        """Have the loop await what a function returned that merely wraps an async one, and wait for its end."""
        waiting = finish(returned)
        try:
            future = asyncio.run_coroutine_threadsafe(waiting, self._loop)
        except RuntimeError as error:  # the loop is closed
            waiting.close()
            return error
        self._awaited.add(future)
        try:
            future.result()
        except CancelledError:
            return RuntimeError("the handler was cancelled")
        except Exception as error:
            return error
        finally:
            self._awaited.discard(future)
        return None

    def _ended(self, endings: list[tuple[Item, Exception | None]]) -> None:
        self._unended -= len(endings)
        self._on_ended(endings)


def _current_task() -> asyncio.Task[object]:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("to be awaited in a task")
    return task


async def _forget_cancellation(task: asyncio.Task[object]) -> None:
    """Let nothing else be cancelled by a handler that has cancelled the task in which it was awaited."""
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(0)  # where it arrives, if the handler awaited nothing after it
    while task.cancelling():
        task.uncancel()
