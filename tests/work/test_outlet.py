"""Writing in a thread, from a bounded memory: in order, and what is too much is counted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from threading import Event

import pytest

from amqptool.work.outlet import BATCH, Outlet


def nothing() -> None:
    """Do nothing."""


def test_everything_is_written_in_order() -> None:
    """Closing waits for what is still to be written."""
    written: list[int] = []

    async def scenario() -> Outlet[int]:
        outlet = Outlet(written.extend, nothing)
        for number in range(2 * BATCH + 1):
            outlet.take(number, 1)
        await outlet.close(asyncio.Event())
        return outlet

    outlet = asyncio.run(scenario())
    assert written == list(range(2 * BATCH + 1))
    assert (outlet.written, outlet.missed) == (2 * BATCH + 1, 0)


@pytest.mark.parametrize("limits", [{"max_items": 3}, {"max_bytes": 30}])
def test_the_oldest_go_where_it_is_too_much(limits: dict[str, int]) -> None:
    """By number or by size; they are counted."""
    written: list[int] = []

    async def scenario() -> int:
        outlet = Outlet(written.extend, nothing, **limits)
        for number in range(10):
            outlet.take(number, 10)
        await outlet.close(asyncio.Event())
        return outlet.missed

    assert (asyncio.run(scenario()), written) == (7, [7, 8, 9])


def test_one_item_may_be_larger_than_all_there_is_room_for() -> None:
    """It is written, once the others are gone."""
    written: list[int] = []

    async def scenario() -> int:
        outlet = Outlet(written.extend, nothing, max_bytes=30)
        outlet.take(1, 10)
        outlet.take(2, 100)
        await outlet.close(asyncio.Event())
        return outlet.missed

    assert (asyncio.run(scenario()), written) == (1, [2])


def test_who_is_in_a_hurry_does_not_wait_for_a_reader_that_stands_still() -> None:
    """What is left is missed, and so is what is being written."""
    is_writing, may_end = Event(), Event()

    def write(_items: Sequence[int]) -> None:
        is_writing.set()
        may_end.wait()

    async def scenario() -> int:
        outlet = Outlet(write, nothing)
        for number in range(BATCH + 5):
            outlet.take(number, 1)
        await asyncio.to_thread(is_writing.wait)
        hurry = asyncio.Event()
        hurry.set()
        await outlet.close(hurry)
        may_end.set()
        return outlet.missed

    assert asyncio.run(scenario()) == BATCH + 5


def test_a_failure_is_told_at_once_and_raised_in_the_end() -> None:
    """Such as a pipe that its reader has closed."""

    def write(_items: Sequence[int]) -> None:
        raise BrokenPipeError

    async def scenario() -> None:
        failed = asyncio.Event()
        outlet = Outlet(write, failed.set)
        outlet.take(1, 1)
        await failed.wait()
        outlet.take(2, 1)
        await outlet.close(asyncio.Event())

    with pytest.raises(BrokenPipeError):
        asyncio.run(scenario())
