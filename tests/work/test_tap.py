"""A tap that cannot keep up: the broker drops what it keeps for it, and that is seen."""

from __future__ import annotations

import asyncio
from threading import Event

from amqptool import AmqpUrl, Delivery, Message
from amqptool.work.tap import MAX_BYTES, Source, Tap, TapReport
from tests.support.broker import publish

#: Large, so that few of them are more than the broker keeps.
BODY = b"x" * 32_768


def test_a_queue_that_is_full_is_told(amqptool_vhost: AmqpUrl) -> None:
    """Published is more than the tap takes in, until it says so."""
    never = Event()
    messages = [Message(body=BODY, exchange="amq.fanout") for _ in range(MAX_BYTES // len(BODY))]

    async def scenario() -> TapReport:
        bound = asyncio.Event()

        def take(_delivery: Delivery) -> None:
            if not tap.report.overflowed:
                never.wait(0.002)  # who takes them in is slow

        async def sources() -> list[Source]:
            return [Source("amq.fanout", "")]

        tap = Tap(amqptool_vhost, sources, take, on_open=lambda _: bound.set())
        running = asyncio.create_task(tap.run())
        await bound.wait()
        while not tap.report.overflowed:
            await asyncio.to_thread(asyncio.run, publish(amqptool_vhost, messages))
        tap.stop()
        return await running

    report = asyncio.run(scenario())
    assert report.overflowed
    assert (report.stopped_by, report.lost) == ("stop", None)
