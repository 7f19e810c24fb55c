"""Blocking calls in one thread: in order, with their results, and never in the way of an end."""

from __future__ import annotations

import asyncio
import threading

import pytest

from amqptool.work.caller import Caller


def test_calls_are_made_in_order_and_in_one_thread() -> None:
    """Each waits for the one before."""
    order: list[tuple[int, str]] = []

    async def scenario() -> list[int]:
        caller = Caller("the caller")

        def note(number: int) -> int:
            order.append((number, threading.current_thread().name))
            return number

        numbers = await asyncio.gather(*(caller.call(lambda number=number: note(number)) for number in range(5)))
        await caller.close(30)
        return numbers

    assert asyncio.run(scenario()) == [0, 1, 2, 3, 4]
    assert order == [(number, "the caller") for number in range(5)]


def test_an_error_comes_to_whoever_called() -> None:
    """The thread goes on with the next call."""

    async def scenario() -> int:
        caller = Caller("caller")
        with pytest.raises(ZeroDivisionError):
            await caller.call(lambda: 1 // 0)
        return await caller.call(lambda: 1)

    assert asyncio.run(scenario()) == 1


def test_a_call_that_does_not_end_is_left_behind() -> None:
    """Closing waits for so long and no longer; what waits behind that call, and was given up, is not made."""
    started, may_end, made = threading.Event(), threading.Event(), threading.Event()

    async def scenario() -> None:
        caller = Caller("caller")

        def block() -> None:
            started.set()
            may_end.wait()

        blocked = asyncio.create_task(caller.call(block))
        await asyncio.to_thread(started.wait)
        given_up = asyncio.create_task(caller.call(made.set))
        await asyncio.sleep(0)
        given_up.cancel()
        await caller.close(0.01)
        assert not blocked.done()
        may_end.set()
        await blocked
        await caller.close(30)

    asyncio.run(scenario())
    assert not made.is_set()


def test_calls_for_nobody_are_made_also_after_the_end() -> None:
    """If the thread is busy until then; and the last call is still the last."""
    may_end, ended = threading.Event(), threading.Event()
    made: list[str] = []

    def make_last() -> None:
        made.append("last")
        ended.set()

    async def scenario() -> None:
        caller = Caller("caller")
        caller.leave(may_end.wait)
        await caller.close(0.01, at_last=make_last)
        caller.leave(lambda: made.append("late"))
        may_end.set()

    asyncio.run(scenario())
    assert ended.wait(30)
    assert made == ["late", "last"]


def test_a_call_for_nobody_is_made() -> None:
    """Before the thread ends; an error of it disturbs nobody."""
    made: list[int] = []

    async def scenario() -> None:
        caller = Caller("caller")
        caller.leave(lambda: 1 // 0)
        caller.leave(lambda: made.append(1))
        await caller.close(30)

    asyncio.run(scenario())
    assert made == [1]
