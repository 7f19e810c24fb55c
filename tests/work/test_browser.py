"""What is held of a queue, when its channel is lost."""

from __future__ import annotations

import asyncio

import pytest

from amqptool import AmqpUrl, BrokerError, Message
from amqptool.broker.amqp import connect
from amqptool.work.browser import Browser
from tests.support.broker import declare_queue, publish, queue_length
from tests.support.faulty import faulty_line


def test_a_lost_channel_is_told_before_the_end_of_the_queue(amqptool_vhost: AmqpUrl) -> None:
    """Or what was let go of would seem to be gone, though it is there again."""

    async def scenario() -> None:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b"x", routing_key="q") for _ in range(3)])
        async with faulty_line(amqptool_vhost) as (line, url), connect(url) as connection:
            browser = Browser(await connection.channel(), "q", 10, asyncio.Event(), pytest.fail)
            await browser.open()
            batch = await browser.next()
            while len(batch) < 3:
                batch += await browser.next()
            line.reset()
            await connection.closed
            assert browser.is_lost
            for delivery in batch:
                browser.ack(delivery)
            with pytest.raises(BrokerError):
                await browser.next()
        assert await queue_length(amqptool_vhost, "q") == 3

    asyncio.run(scenario())


def test_no_consumer_is_left_when_it_is_to_stop_as_one_begins(amqptool_vhost: AmqpUrl) -> None:
    """To which the broker would hand out again what is given back."""

    async def scenario() -> None:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b"x", routing_key="q") for _ in range(3)])
        async with connect(amqptool_vhost) as connection:
            channel, stopping = await connection.channel(), asyncio.Event()
            browser = Browser(channel, "q", 1, stopping, pytest.fail)
            await browser.open()
            await browser.next()
            beginning = asyncio.create_task(browser.next())  # with a prefetch of 1, of another consumer
            await asyncio.sleep(0)
            stopping.set()
            await beginning
            await browser.give_back()
            assert (await channel.check_queue("q")).consumers == 0

    asyncio.run(scenario())
