"""Workers whose handlers are not Python: what they take ahead, and what becomes of messages in hand."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from amqptool import AmqpUrl, Delivery, HandlerError, MemoryStore, Message, Worker, WorkReport, load_handler
from amqptool.handlers.interface import StopWork
from tests.support.broker import declare_queue, publish, queue_length
from tests.support.monitoring import until


async def fill(url: AmqpUrl, count: int) -> None:
    """Publish so many messages to `q`."""
    await declare_queue(url, "q")
    await publish(url, [Message(body=b"x", routing_key="q") for _ in range(count)])


def test_commands_take_few_messages_ahead(amqptool_vhost: AmqpUrl, tmp_path: Path) -> None:
    """Twice as many as run at once: what waits may go to other workers. Ended early, all go back."""
    begun = tmp_path / "begun"
    begun.touch()

    async def scenario() -> tuple[int, int]:
        await fill(amqptool_vhost, 20)
        worker = Worker(
            amqptool_vhost, "q", f"exec:sh -c 'echo >> {begun}; sleep 600'", dedup=None, concurrency=2, grace=0
        )
        task = asyncio.create_task(worker.serve())
        await until(lambda: begun.stat().st_size == 2)
        ready = await queue_length(amqptool_vhost, "q")
        worker.stop()
        await task
        return ready, await queue_length(amqptool_vhost, "q")

    assert asyncio.run(scenario()) == (16, 20)


def test_a_command_that_is_gone_leaves_all_messages(amqptool_vhost: AmqpUrl, tmp_path: Path) -> None:
    """The worker ends, no attempt is counted, and no claim is left."""
    command = tmp_path / "job"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    handler = load_handler(f"exec:{command}")
    command.unlink()

    async def scenario() -> int:
        await fill(amqptool_vhost, 5)
        worker = Worker(amqptool_vhost, "q", handler, dedup=MemoryStore(), retry=(60,))
        with pytest.raises(HandlerError, match="cannot be run"):
            await worker.serve()
        return await queue_length(amqptool_vhost, "q")

    assert asyncio.run(scenario()) == 5


def test_others_finish_when_a_handler_can_do_no_work(amqptool_vhost: AmqpUrl) -> None:
    """What is running gets its grace, and is done; only the rest goes back."""
    stopped = asyncio.Event()
    calls = 0

    async def handle(_delivery: Delivery) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            stopped.set()
            raise StopWork from HandlerError("no more")
        await stopped.wait()
        for _ in range(50):  # well into the end of the worker
            await asyncio.sleep(0)

    async def scenario() -> tuple[WorkReport, int]:
        await fill(amqptool_vhost, 5)
        worker = Worker(amqptool_vhost, "q", handle, dedup=None, concurrency=2)
        with pytest.raises(HandlerError, match="no more"):
            await worker.serve()
        return worker.report, await queue_length(amqptool_vhost, "q")

    report, left = asyncio.run(scenario())
    assert (report.handled, report.abandoned, left) == (1, 0, 4)
