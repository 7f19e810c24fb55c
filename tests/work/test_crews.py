"""Who runs handlers: in what order, how many at a time, and what can be taken back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from amqptool.handlers import as_handler
from amqptool.handlers.interface import StopWork
from amqptool.message import Delivery, Message
from amqptool.work.crews import GATHERING, Crew, crew_of
from amqptool.work.item import Item
from tests.support.virtual_time import Clock, VirtualLoop

NO_CHANNEL: Any = None  # a crew has nothing to do with it


def items(count: int) -> list[Item]:
    """Make items with bodies from 0 on."""
    made = []
    for number in range(count):
        message = Message(body=b"%d" % number)
        delivery = Delivery(message=message, queue="q", delivery_tag=number + 1, redelivered=False)
        made.append(Item(delivery, delivery, NO_CHANNEL, None, 0.0))
    return made


class Endings:
    """What a crew told."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.errors: list[Exception | None] = []
        self.batches = 0
        self._change = asyncio.Event()

    def __call__(self, endings: list[tuple[Item, Exception | None]]) -> None:
        """Take a batch in."""
        self.batches += 1
        self.bodies += [item.delivery.body for item, _ in endings]
        self.errors += [error for _, error in endings]
        self._change.set()

    async def wait_for(self, count: int) -> None:
        """Wait until so many calls have ended."""
        while len(self.bodies) < count:
            self._change.clear()
            await self._change.wait()


def make_crew(
    function: Callable[[Delivery], Any], size: int, endings: Endings, stopped: list[Item] | None = None
) -> Crew:
    """Make a crew for a function; what it stops goes to a list."""
    return crew_of(as_handler(function), size, endings, (stopped if stopped is not None else []).append)


async def run(function: Callable[[Delivery], Any], count: int, size: int = 1) -> Endings:
    """Let a crew of some size handle so many items."""
    endings = Endings()
    crew = make_crew(function, size, endings)
    crew.add(items(count))
    await endings.wait_for(count)
    await crew.end(1)
    return endings


def both(function: Callable[[Delivery], Any]) -> list[Callable[[Delivery], Any]]:
    """Make a blocking and an async handler of a function."""

    async def awaited(delivery: Delivery) -> None:
        function(delivery)

    return [function, awaited]


@pytest.mark.parametrize("index", [0, 1], ids=["threads", "tasks"])
def test_a_crew_of_one_keeps_the_order(index: int) -> None:
    """One after another, as they were given to it."""
    seen: list[bytes] = []
    endings = asyncio.run(run(both(lambda delivery: seen.append(delivery.body))[index], 50))
    assert seen == endings.bodies == [b"%d" % number for number in range(50)]
    assert endings.errors == [None] * 50


@pytest.mark.parametrize("index", [0, 1], ids=["threads", "tasks"])
def test_an_error_is_told_of_its_item_alone(index: int) -> None:
    """The others are handled."""

    def handle(delivery: Delivery) -> None:
        if delivery.body == b"1":
            raise ValueError("no")

    endings = asyncio.run(run(both(handle)[index], 3))
    assert [str(error) for error in endings.errors] == ["None", "no", "None"]


def test_threads_tell_of_many_at_once() -> None:
    """While the loop is busy, what has ended meanwhile comes as one batch."""

    async def scenario() -> Endings:
        endings, ended = Endings(), threading.Semaphore(0)
        crew = make_crew(lambda _: ended.release(), 1, endings)
        crew.add(items(10))
        for _ in range(10):  # the loop does nothing else
            ended.acquire()
        await endings.wait_for(10)
        await crew.end(1)
        return endings

    assert asyncio.run(scenario()).batches <= 2  # the end of the last call may come after


class Standstill:
    """A loop whose clock a test moves, and a crew of one on it that never gets beyond the second item it is given."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.clock = Clock()
        self.loop = VirtualLoop(self.clock)
        self.loop.run_until_complete(self._begin(count, error))
        self.loop.until_idle()

    def pass_time(self, seconds: float) -> list[bytes]:
        """Let time pass; return what the crew has told."""
        self.clock.now += seconds
        self.loop.until_idle()
        return self.endings.bodies

    def close(self) -> None:
        """End the crew and the loop."""
        self.loop.run_until_complete(self.crew.end(1))
        self.loop.close()

    async def _begin(self, count: int, error: Exception | None) -> None:
        async def handle(delivery: Delivery) -> None:
            if delivery.body == b"1":
                await asyncio.Event().wait()
            if error is not None:
                raise error

        self.endings = Endings()
        self.crew = make_crew(handle, 1, self.endings)
        self.crew.add(items(count))


def test_endings_are_gathered_for_a_while_when_there_is_more_to_do() -> None:
    """Many are recorded and acknowledged together."""
    with closing(Standstill(3)) as there:
        assert there.pass_time(0) == []
        assert there.pass_time(GATHERING) == [b"0"]


def test_endings_are_told_at_once_when_as_little_is_left_to_do() -> None:
    """A handler never waits for what its endings bring."""
    with closing(Standstill(2)) as there:
        assert there.pass_time(0) == [b"0"]


def test_a_handler_that_can_do_no_work_is_told_of_at_once() -> None:
    """Nothing more is to be begun."""
    with closing(Standstill(3, StopWork())) as there:
        assert there.pass_time(0) == [b"0"]


def test_what_was_gathered_is_told_at_the_end() -> None:
    """What has succeeded is not repeated."""
    there = Standstill(3)
    there.close()
    assert there.endings.bodies == [b"0"]


def test_the_loop_has_its_turn_between_calls_that_await_nothing() -> None:
    """Else heartbeats would wait for all that the crew was given."""
    clock = Clock()
    loop = VirtualLoop(clock)
    handled: list[bytes] = []
    seen: list[int] = []

    async def handle(delivery: Delivery) -> None:
        clock.now += 1
        handled.append(delivery.body)

    def look() -> None:
        seen.append(len(handled))
        if len(handled) < 3:
            loop.call_soon(look)

    async def scenario() -> Crew:
        crew = make_crew(handle, 1, Endings())
        crew.add(items(3))
        loop.call_soon(look)
        return crew

    crew = loop.run_until_complete(scenario())
    loop.until_idle()
    loop.run_until_complete(crew.end(1))
    loop.close()
    assert {1, 2, 3} <= set(seen)


@pytest.mark.parametrize("size", [1, 2, 20])
def test_as_many_threads_run_at_once_as_there_are_hands(size: int) -> None:
    """No fewer, or the barrier would not open, and no more."""
    barrier, threads = threading.Barrier(size), set()

    def handle(_delivery: Delivery) -> None:
        threads.add(threading.current_thread())
        barrier.wait(30)

    asyncio.run(run(handle, 3 * size, size))
    assert len(threads) == size
    assert all(thread.daemon and thread.name.startswith("amqptool-handler-") for thread in threads)


def test_a_crew_starts_no_more_threads_than_it_has_work() -> None:
    """Two calls need no twenty threads."""
    threads = set()
    asyncio.run(run(lambda _: threads.add(threading.current_thread()), 2, 20))
    assert len(threads) <= 2


async def hold(crew: Crew, started: Callable[[], bool]) -> list[Item]:
    """Give a crew three items, wait until it is at the first, and take the others back."""
    crew.add(items(3))
    while not started():
        await asyncio.sleep(0)
    return crew.take_back()


def test_what_a_thread_has_not_begun_can_be_taken_back() -> None:
    """Nobody starts it then; the call that runs goes on."""
    free, begun = threading.Event(), threading.Event()

    def handle(_delivery: Delivery) -> None:
        begun.set()
        free.wait(30)

    async def scenario() -> tuple[list[Item], Endings]:
        endings = Endings()
        crew = make_crew(handle, 1, endings)
        back = await hold(crew, begun.is_set)
        free.set()
        await endings.wait_for(1)
        await crew.end(1)
        return back, endings

    back, endings = asyncio.run(scenario())
    assert ([item.delivery.body for item in back], endings.bodies) == ([b"1", b"2"], [b"0"])


@pytest.mark.parametrize("times", [0, 1, 2])
def test_a_handler_that_is_cancelled_at_the_end_is_told(times: int) -> None:
    """Of an async handler nothing goes on, so its claim can be given up; also if nobody waits for its end."""

    async def scenario() -> tuple[list[Item], list[Item]]:
        begun = asyncio.Event()

        async def handle(_delivery: Delivery) -> None:
            begun.set()
            await asyncio.Event().wait()

        stopped: list[Item] = []
        crew = make_crew(handle, 1, Endings(), stopped)
        back = await hold(crew, begun.is_set)
        ending = asyncio.create_task(crew.end(1))
        for _ in range(times):
            await asyncio.sleep(0)
            ending.cancel()
        await asyncio.wait([ending])
        await asyncio.sleep(0)
        return back, stopped

    back, stopped = asyncio.run(scenario())
    assert ([item.delivery.body for item in back], [item.delivery.body for item in stopped]) == ([b"1", b"2"], [b"0"])


def test_what_a_wrapped_async_handler_returns_is_awaited() -> None:
    """A plain function that returns a coroutine has ended when that has, on the loop."""
    ran: list[threading.Thread] = []

    async def handle(delivery: Delivery) -> None:
        await asyncio.sleep(0)
        ran.append(threading.current_thread())
        if delivery.body == b"1":
            raise ValueError("no")

    endings = asyncio.run(run(lambda delivery: handle(delivery), 2))
    assert ran == [threading.current_thread()] * 2
    assert sorted(str(error) for error in endings.errors) == ["None", "no"]


def test_the_loop_runs_while_a_thread_blocks() -> None:
    """Here the loop itself sets the handler free."""
    free = threading.Event()

    async def scenario() -> None:
        asyncio.get_running_loop().call_soon(free.set)
        await run(lambda _: free.wait(30), 1)

    asyncio.run(scenario())
    assert free.is_set()


def test_an_ending_for_a_closed_loop_is_dropped() -> None:
    """A function that outlives its loop does no harm."""
    free, done = threading.Event(), threading.Event()

    def handle(_delivery: Delivery) -> None:
        free.wait(30)
        done.set()

    async def give_up() -> None:
        crew = make_crew(handle, 1, Endings())
        crew.add(items(1))
        await crew.end(0)

    asyncio.run(give_up())
    free.set()
    assert done.wait(30)


def test_a_function_that_wraps_an_async_one_takes_a_hand_until_that_ends() -> None:
    """A crew of one awaits what one call returned before it makes the next."""
    running: set[bytes] = set()
    most = 0

    async def handle(delivery: Delivery) -> None:
        nonlocal most
        running.add(delivery.body)
        most = max(most, len(running))
        await asyncio.sleep(0.01)
        running.discard(delivery.body)

    asyncio.run(run(lambda delivery: handle(delivery), 5))
    assert most == 1


def test_an_async_function_that_is_wrapped_and_cancelled_from_within_has_failed() -> None:
    """As one that is not wrapped."""

    async def handle(_delivery: Delivery) -> None:
        raise asyncio.CancelledError

    endings = asyncio.run(run(lambda delivery: handle(delivery), 2))
    assert [type(error) for error in endings.errors] == [RuntimeError, RuntimeError]


@pytest.mark.parametrize("is_at_once", [True, False], ids=["at once", "later"])
def test_a_cancellation_that_comes_after_its_handler_is_forgotten(is_at_once: bool) -> None:
    """It ends neither the next handler nor the hand that waits for work."""

    async def handle(delivery: Delivery) -> None:
        task = asyncio.current_task()
        if delivery.body == b"0" and task is not None:
            task.cancel()  # which arrives where the task awaits something
        else:
            await asyncio.sleep(0)

    async def scenario() -> Endings:
        endings = Endings()
        crew = make_crew(handle, 1, endings)
        first, second = items(2)
        crew.add([first])
        if not is_at_once:
            await endings.wait_for(1)
        crew.add([second])
        await endings.wait_for(2)
        await crew.end(1)
        return endings

    assert asyncio.run(scenario()).errors == [None, None]
