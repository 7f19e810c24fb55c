"""Outcomes that nobody takes any more, from wherever that is noticed."""

from __future__ import annotations

import asyncio

from amqptool.publish.stream import OutcomeStream


def new_stream(pouring: asyncio.Task[None]) -> OutcomeStream:
    """Make a stream that a task adds outcomes to."""
    stream = OutcomeStream(10, 1000)
    stream.begin(pouring)
    return stream


async def wait_for_ever() -> None:
    """Wait for what never comes."""
    await asyncio.Event().wait()


def test_a_stream_may_be_left_in_another_thread() -> None:
    """A garbage collector runs in any; the loop, which would say so, is not touched from there."""

    async def scenario() -> bool:
        pouring = asyncio.create_task(wait_for_ever())
        await asyncio.sleep(0)
        await asyncio.to_thread(new_stream(pouring).leave)
        await asyncio.wait({pouring})
        return pouring.cancelled()

    assert asyncio.run(asyncio.wait_for(scenario(), 30), debug=True)


def test_a_stream_may_be_left_after_the_end_of_its_loop() -> None:
    """Whoever has kept its outcomes until then lets go of them without a word."""

    async def scenario() -> OutcomeStream:
        pouring = asyncio.create_task(asyncio.sleep(0))
        await pouring
        return new_stream(pouring)

    asyncio.run(scenario()).leave()
