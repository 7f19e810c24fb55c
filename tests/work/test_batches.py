"""A queue that hands out all it has at once."""

from __future__ import annotations

import asyncio

import pytest

from amqptool.work.batches import Batches


async def settle_down() -> None:
    """Let every task that can go on go on."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize("items", [[1], [1, 2, 3]])
def test_all_waiting_items_come_at_once_in_order(items: list[int]) -> None:
    """Whatever was put before a take comes out in one batch, in order."""

    async def scenario() -> list[int]:
        batches: Batches[int] = Batches()
        for item in items:
            batches.put(item)
        return await batches.take()

    assert asyncio.run(scenario()) == items


def test_take_waits_for_the_first_item() -> None:
    """An empty queue makes its consumer wait; the first item wakes it."""

    async def scenario() -> list[int]:
        batches: Batches[int] = Batches()
        taking = asyncio.ensure_future(batches.take())
        await settle_down()
        assert not taking.done()
        batches.put(1)
        return await taking

    assert asyncio.run(scenario()) == [1]


def test_items_that_come_while_the_consumer_is_busy_are_one_batch() -> None:
    """The next batch is whatever came while the last one was worked on."""

    async def scenario() -> list[list[int]]:
        batches: Batches[int] = Batches()
        batches.put(1)
        first = await batches.take()
        batches.put(2)
        batches.put(3)
        return [first, await batches.take()]

    assert asyncio.run(scenario()) == [[1], [2, 3]]


def test_a_batch_belongs_to_its_taker() -> None:
    """A batch that was handed out does not grow any more."""

    async def scenario() -> list[int]:
        batches: Batches[int] = Batches()
        batches.put(1)
        taken = await batches.take()
        batches.put(2)
        return taken

    assert asyncio.run(scenario()) == [1]


def test_closing_wakes_the_consumer_with_nothing() -> None:
    """An empty batch is the end."""

    async def scenario() -> list[int]:
        batches: Batches[int] = Batches()
        taking = asyncio.ensure_future(batches.take())
        await settle_down()
        batches.close()
        return await taking

    assert asyncio.run(scenario()) == []


def test_the_last_items_come_before_the_end() -> None:
    """What was put before the close is handed out first; then there are only empty batches."""

    async def scenario() -> list[list[int]]:
        batches: Batches[int] = Batches()
        batches.put(1)
        batches.close()
        return [await batches.take() for _ in range(3)]

    assert asyncio.run(scenario()) == [[1], [], []]


def test_a_taker_that_is_cancelled_loses_nothing() -> None:
    """An item that comes after its consumer was cancelled waits for the next one."""

    async def scenario() -> list[int]:
        batches: Batches[int] = Batches()
        taking = asyncio.ensure_future(batches.take())
        await settle_down()
        batches.put(1)
        taking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await taking
        return await batches.take()

    assert asyncio.run(scenario()) == [1]


def test_nothing_is_lost_or_doubled_between_many_producers() -> None:
    """Whatever many producers put while the consumer takes comes out exactly once, each one's in order."""

    async def scenario() -> list[tuple[int, int]]:
        batches: Batches[tuple[int, int]] = Batches()

        async def produce(producer: int) -> None:
            for number in range(50):
                batches.put((producer, number))
                await asyncio.sleep(0)

        async def consume() -> list[tuple[int, int]]:
            taken = []
            while batch := await batches.take():
                taken += batch
            return taken

        consuming = asyncio.ensure_future(consume())
        await asyncio.gather(*(produce(producer) for producer in range(4)))
        batches.close()
        return await consuming

    taken = asyncio.run(scenario())
    for producer in range(4):
        assert [number for who, number in taken if who == producer] == list(range(50))
    assert len(taken) == 200
