"""Running a loop to an end that comes."""

from __future__ import annotations

import asyncio
import logging

import pytest

from amqptool import loop


async def stubborn() -> None:
    """Swallow every cancellation."""
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            continue


def test_a_task_that_swallows_its_cancellation_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    """It is told of, and the result is there."""
    left: list[str] = []
    tasks = []

    async def main() -> int:
        tasks.append(asyncio.create_task(stubborn()))
        await asyncio.sleep(0)
        return 5

    caplog.set_level(logging.WARNING)
    assert loop.run(main(), on_left=lambda: left.append("left")) == 5
    assert left == ["left"]
    assert caplog.messages == ["tasks that cancelling does not end, and that are left behind: 1"]


def test_what_ends_when_it_is_cancelled_is_waited_for() -> None:
    """As by `asyncio.run`."""
    left: list[str] = []
    tasks = []

    async def tidy() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0.01)
            left.append("tidied up")

    async def main() -> None:
        tasks.append(asyncio.create_task(tidy()))
        await asyncio.sleep(0)

    loop.run(main(), on_left=lambda: left.append("left"))
    assert left == ["tidied up"]
