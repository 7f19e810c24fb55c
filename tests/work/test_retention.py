"""Retries that take longer than the dedup store remembers."""

from __future__ import annotations

import asyncio

import pytest

from amqptool import AmqpUrl, MemoryStore, Message, Worker, WorkReport
from amqptool.work.ladder import ladder_of
from amqptool.work.retention import warn_of_short_retention
from tests.support.broker import declare_queue, publish
from tests.support.monitoring import until

DAY = 86_400


@pytest.mark.parametrize(("retry", "told"), [((), 0), ((DAY, 6 * DAY), 0), ((DAY, 6 * DAY, 0.001), 1)])
def test_retries_that_take_longer_than_what_is_done_is_remembered_are_warned_of(
    caplog: pytest.LogCaptureFixture, retry: tuple[float, ...], told: int
) -> None:
    """All waits of a message together, against the week that stores remember by default."""
    warn_of_short_retention(MemoryStore(), ladder_of("q", retry, "dead"))
    assert len(caplog.messages) == told
    assert all("may take 7d1ms, and the dedup store remembers for 7d" in message for message in caplog.messages)


def test_what_is_forgotten_is_handled_again(amqptool_vhost: AmqpUrl, caplog: pytest.LogCaptureFixture) -> None:
    """A copy that comes after the retention is nobody's duplicate any more, of which the worker has warned."""
    message = Message(body=b"x", routing_key="q")
    now = [1000.0]
    store = MemoryStore(retention=0.05, clock=lambda: now[0])

    async def scenario() -> WorkReport:
        await declare_queue(amqptool_vhost, "q")
        worker = Worker(amqptool_vhost, "q", lambda _: None, dedup=store, retry=(0.1,), max_messages=3)
        serving = asyncio.create_task(worker.serve())
        await publish(amqptool_vhost, [message, message])
        await until(lambda: worker.report.acknowledged == 2)
        now[0] += 0.1
        store.prune()
        await publish(amqptool_vhost, [message])
        return await serving

    report = asyncio.run(scenario())
    assert (report.handled, report.duplicates) == (2, 1)
    assert "the dedup store remembers for 50ms" in caplog.text
