"""Heartbeats go out while the loop runs, whatever threads do."""

from __future__ import annotations

import asyncio
import time

import pytest

from amqptool import AmqptoolError, AmqpUrl, BrokerUnavailable
from amqptool.broker.amqp import Connection
from tests.support.faulty import faulty_line

#: Seconds between heartbeats, and those after which a broker has missed enough of them.
HEARTBEAT, TOO_LONG = 1, 4


def test_a_thread_that_blocks_costs_no_connection(amqptool_vhost: AmqpUrl) -> None:
    """As a handler does that takes longer than several heartbeats."""

    async def scenario() -> None:
        connection = await Connection.open(amqptool_vhost, heartbeat=HEARTBEAT)
        await asyncio.to_thread(time.sleep, TOO_LONG)
        await connection.channel()
        await connection.close()

    asyncio.run(scenario())


def test_a_loop_that_is_blocked_loses_its_connection(amqptool_vhost: AmqpUrl) -> None:
    """As an async handler does that blocks; it is noticed, and the broker delivers again."""

    async def scenario() -> None:
        connection = await Connection.open(amqptool_vhost, heartbeat=HEARTBEAT)
        time.sleep(TOO_LONG)  # noqa: ASYNC251  # what is tested
        try:
            await connection.channel()
        finally:
            await connection.close()

    with pytest.raises(BrokerUnavailable):
        asyncio.run(scenario())


def test_a_line_that_falls_silent_is_noticed(amqptool_vhost: AmqpUrl) -> None:
    """Nothing is reset, nothing comes, and nothing was to be sent: the heartbeats that are missing tell it."""

    async def scenario() -> AmqptoolError:
        async with faulty_line(amqptool_vhost) as (line, url):
            connection = await Connection.open(url, heartbeat=HEARTBEAT)
            line.silence()
            return await asyncio.wait_for(connection.closed, 60)

    assert "no heartbeat from the broker" in str(asyncio.run(scenario()))
