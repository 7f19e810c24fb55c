"""Waiting for a broker ends in time, also where one is there and does not answer."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pika import spec

from amqptool import AmqpUrl, BrokerUnavailable
from amqptool.broker.management import Management
from amqptool.broker.patience import Patience
from amqptool.broker.reaching import wait_for
from tests.support.broker import declare_queue
from tests.support.faulty import faulty_line

#: Seconds to wait, and those after which it is late.
TIMEOUT, LATE = 0.5, 2.0
SILENCES = [
    (spec.Connection.Start, ()),
    (spec.Connection.Tune, ()),
    (spec.Connection.OpenOk, ()),
    (spec.Channel.OpenOk, ("q",)),
    (spec.Queue.DeclareOk, ("q",)),
    (spec.Channel.CloseOk, ("q",)),
]


async def wait(url: AmqpUrl, *queues: str, management: Management | None = None) -> None:
    """Wait, and insist that it takes no longer than it may."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        await wait_for((url,), management, Patience(TIMEOUT), queues)
    finally:
        assert loop.time() - began < LATE


@pytest.mark.parametrize(("last", "queues"), SILENCES)
def test_a_broker_that_falls_silent(amqptool_vhost: AmqpUrl, last: type, queues: tuple[str, ...]) -> None:
    """While it is connected to, asked, or let go of."""

    async def scenario() -> None:
        await declare_queue(amqptool_vhost, "q")
        async with faulty_line(amqptool_vhost) as (line, url):
            line.mute_from(struct.pack(">I", last.INDEX))  # type: ignore[attr-defined]
            with pytest.raises(BrokerUnavailable, match="no answer in time"):
                await wait(url, *queues)

    asyncio.run(scenario())


def test_the_reason_that_was_known_last_is_told(amqptool_vhost: AmqpUrl) -> None:
    """Also where the broker has fallen silent since."""

    async def scenario() -> None:
        async with faulty_line(amqptool_vhost) as (line, url):
            told = asyncio.Event()
            patience = Patience(TIMEOUT, lambda _: told.set())
            waiting = asyncio.create_task(wait_for((url,), None, patience, ("nowhere",)))
            await told.wait()
            line.silence()
            with pytest.raises(BrokerUnavailable, match="queue 'nowhere' does not exist"):
                await waiting

    asyncio.run(scenario())


def test_a_management_api_that_is_silent(amqptool_vhost: AmqpUrl) -> None:
    """It is told which of both it was."""

    async def scenario() -> None:
        async with silent_server() as port, api(port) as management:
            with pytest.raises(BrokerUnavailable, match="the management API does not answer"):
                await wait(amqptool_vhost, management=management)

    asyncio.run(scenario())


def api(port: int) -> Management:
    """Make a session with what listens on a port."""
    return Management(f"http://127.0.0.1:{port}", username="guest", password="guest")


@asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """Take connections on a free port, and say nothing."""

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65_536):
            pass
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
