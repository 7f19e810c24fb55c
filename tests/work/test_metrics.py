"""What a running worker tells over HTTP, on a real broker."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from amqptool import AmqpUrl, ConfigError, DedupError, Delivery, MemoryStore, Message, Retry, Worker
from amqptool.broker import local
from amqptool.work.metrics import HandlerSeconds, Metrics
from amqptool.work.report import WorkReport
from amqptool.work.status import WorkStatus
from tests.support.broker import declare_queue, publish, queue_length
from tests.support.ctl import keep_declarations
from tests.support.monitoring import monitored, until


def messages(*bodies: bytes, queue: str = "q") -> list[Message]:
    """Make messages with ids."""
    return [Message(body=body, routing_key=queue) for body in bodies]


def test_metrics_before_during_and_after_work(amqptool_vhost: AmqpUrl, caplog: pytest.LogCaptureFixture) -> None:
    """Counters and gauges say at each moment what has come in, what is in hand and what is done."""
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def handle(_delivery: Delivery) -> None:
        begun.set()
        await may_end.wait()

    async def scenario() -> list[dict[str, float]]:
        await declare_queue(amqptool_vhost, "q")
        worker = Worker(amqptool_vhost, "q", handle, dedup="memory:", prefetch=10, metrics_port=0)
        async with monitored(worker, caplog) as monitoring:
            await monitoring.until_ready((200, "ready\n"))
            seen = [await monitoring.metrics()]
            await publish(amqptool_vhost, messages(b"1", b"2"))
            await begun.wait()
            await until(lambda: worker.report.received == 2)
            seen.append(await monitoring.metrics())
            may_end.set()
            await until(lambda: worker.report.handled == 2)
            seen.append(await monitoring.metrics())
        return seen

    before, during, after = asyncio.run(scenario())
    names = ("messages_received_total", "messages_done_total", "messages_in_flight", "connected", "prefetch")
    assert [before[f"amqptool_{name}"] for name in names] == [0, 0, 0, 1, 10]
    assert [during[f"amqptool_{name}"] for name in names] == [2, 0, 2, 1, 10]
    assert [after[f"amqptool_{name}"] for name in names] == [2, 2, 0, 1, 10]
    assert after["amqptool_handler_seconds_count"] == 2
    assert after["amqptool_handler_seconds_sum"] > 0


def test_failures_duplicates_and_dead_letters_are_counted(
    amqptool_vhost: AmqpUrl, caplog: pytest.LogCaptureFixture
) -> None:
    """Each way that a message can take has a counter of its own."""

    def handle(delivery: Delivery) -> None:
        if delivery.body == b"bad":
            raise ValueError("bad")

    async def scenario() -> dict[str, float]:
        await declare_queue(amqptool_vhost, "q")
        message_id = str(uuid4())
        twice = [Message(body=b"twice", routing_key="q", message_id=message_id) for _ in range(2)]
        await publish(amqptool_vhost, [*twice, *messages(b"bad")])
        worker = Worker(
            amqptool_vhost, "q", handle, dedup="memory:", retry=[0.001], dead_letter="q.dead", metrics_port=0
        )
        async with monitored(worker, caplog) as monitoring:
            await until(lambda: bool(worker.report.dead and worker.report.duplicates))
            return await monitoring.metrics()

    seen = asyncio.run(scenario())
    names = ("done", "duplicates", "failed_attempts", "retried", "dead")
    assert [seen[f"amqptool_messages_{name}_total"] for name in names] == [1, 1, 2, 1, 1]


def test_a_message_that_waits_for_another_attempt_is_held(
    amqptool_vhost: AmqpUrl, caplog: pytest.LogCaptureFixture
) -> None:
    """It counts as held, and when such messages fill more than half of the window a warning says so."""

    def handle(_delivery: Delivery) -> None:
        raise Retry("much later", after=600)

    async def scenario() -> dict[str, float]:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, messages(b"1", b"2"))
        worker = Worker(amqptool_vhost, "q", handle, dedup="memory:", prefetch=3, metrics_port=0)
        async with monitored(worker, caplog) as monitoring:
            await until(lambda: any("held for later" in each for each in caplog.messages))
            await until(lambda: worker.status.held == 2)
            return await monitoring.metrics()

    seen = asyncio.run(scenario())
    assert (seen["amqptool_messages_held"], seen["amqptool_messages_in_flight"]) == (2, 0)
    warning = next(each for each in caplog.messages if "held for later" in each)
    assert "queue 'q': 2 of at most 3 messages in hand" in warning


def test_a_broker_that_is_stopped_leaves_the_worker_live_and_not_ready(
    mortal_node: local.RunningNode, mortal_vhost: AmqpUrl, caplog: pytest.LogCaptureFixture
) -> None:
    """/ready tells when no work can come and when it can again; /live is about the process alone."""

    async def scenario(directory: Path) -> tuple[int, float, dict[str, float]]:
        await declare_queue(mortal_vhost, "q")
        await asyncio.to_thread(keep_declarations, mortal_node)
        worker = Worker(mortal_vhost, "q", lambda _: None, dedup=None, metrics_port=0)
        async with monitored(worker, caplog) as monitoring:
            await monitoring.until_ready((200, "ready\n"))
            await asyncio.to_thread(local.stop, directory)
            await monitoring.until_ready((503, "not consuming: no connection to the broker\n"))
            live, connected = (await monitoring.get("/live"))[0], (await monitoring.metrics())["amqptool_connected"]
            await asyncio.to_thread(local.start, directory)
            await monitoring.until_ready((200, "ready\n"))
            seen = await monitoring.metrics()
        return live, connected, seen

    live, connected, seen = asyncio.run(scenario(mortal_node.directory))
    assert (live, connected) == (200, 0)
    assert (seen["amqptool_connected"], seen["amqptool_reconnects_total"]) == (1, 1)


def test_a_worker_that_drains_is_not_ready(amqptool_vhost: AmqpUrl, caplog: pytest.LogCaptureFixture) -> None:
    """From the moment it is told to stop until it ends, it answers and takes no more."""
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def handle(_delivery: Delivery) -> None:
        begun.set()
        await may_end.wait()

    async def scenario() -> tuple[tuple[int, str], tuple[int, str]]:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, messages(b"1"))
        worker = Worker(amqptool_vhost, "q", handle, dedup=None, metrics_port=0)
        async with monitored(worker, caplog) as monitoring:
            await begun.wait()
            worker.stop()
            answers = await monitoring.get("/ready"), await monitoring.get("/live")
            may_end.set()
        return answers

    assert asyncio.run(scenario()) == ((503, "stopping\n"), (200, "alive\n"))


class _StoreInTrouble(MemoryStore):
    """A store that fails as long as it is told to."""

    fails = True

    def claim(self, keys: object) -> list[object]:  # type: ignore[override]
        if self.fails:
            raise DedupError("the disk is full")
        return super().claim(keys)  # type: ignore[arg-type, return-value]


def test_a_failing_store_is_seen_and_said_once(amqptool_vhost: AmqpUrl, caplog: pytest.LogCaptureFixture) -> None:
    """/ready tells it while it lasts; the log says when it begins and when it is over."""
    store = _StoreInTrouble()

    async def scenario() -> None:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, messages(b"1", b"2"))
        worker = Worker(amqptool_vhost, "q", lambda _: None, dedup=store, metrics_port=0)
        async with monitored(worker, caplog) as monitoring:
            await monitoring.until_ready((503, "the dedup store fails: all messages are held un-acked\n"))
            store.fails = False
            await monitoring.until_ready((200, "ready\n"))
            await until(lambda: worker.report.handled == 2)

    asyncio.run(scenario())
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert told == [
        "the disk is full; holding all messages un-acked until it works again",
        "the dedup store works again",
    ]


def test_any_queue_name_is_a_label(amqptool_vhost: AmqpUrl, caplog: pytest.LogCaptureFixture) -> None:
    """Quotes, backslashes, braces and separators in a queue's name forge no metric."""
    name = 'q"} 1\u2028forged{a="\\n\\'  # RabbitMQ takes line breaks out of names

    async def scenario() -> tuple[dict[str, float], str]:
        await declare_queue(amqptool_vhost, name)
        worker = Worker(amqptool_vhost, name, lambda _: None, dedup=None, metrics_port=0)
        async with monitored(worker, caplog) as monitoring:
            await monitoring.until_ready((200, "ready\n"))
            seen, text = await monitoring.metrics(name), (await monitoring.get("/metrics"))[1]
        return seen, text

    seen, text = asyncio.run(scenario())
    assert seen["amqptool_connected"] == 1
    assert all(line.startswith(("#", "amqptool_")) for line in text.rstrip().split("\n"))


def test_a_port_that_is_taken_is_an_error_before_anything_is_consumed(amqptool_vhost: AmqpUrl) -> None:
    """The worker ends with the address, the port and the reason; no message was touched."""

    async def scenario(port: int) -> int:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, messages(b"1"))
        with pytest.raises(ConfigError, match=f"127.0.0.1 port {port}: .*[Aa]ddress"):
            await Worker(amqptool_vhost, "q", pytest.fail, dedup=None, metrics_port=port).serve()
        return await queue_length(amqptool_vhost, "q")

    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert asyncio.run(scenario(taken.getsockname()[1])) == 1


@pytest.mark.parametrize("address", ["192.0.2.1", "no such host", "a..b"])
def test_an_address_that_cannot_be_had_is_an_error(address: str) -> None:
    """An address of another machine, or none at all, is a ConfigError that names it."""
    worker = Worker("amqp://127.0.0.1:1", "q", print, dedup=None, metrics_port=0, metrics_address=address)
    with pytest.raises(ConfigError, match=f"metrics cannot be served at {address}"):
        asyncio.run(worker.serve())


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_is_a_number_that_tcp_has(port: int) -> None:
    """Any other is a ValueError."""
    with pytest.raises(ValueError, match="metrics_port is a number from 0 to 65535"):
        Worker("amqp://127.0.0.1", "q", print, dedup=None, metrics_port=port)


def test_a_line_break_in_a_label_is_escaped() -> None:
    """The broker takes it out of a queue's name, but a metric does not rely on that."""
    text = Metrics(WorkReport(), lambda: WorkStatus(queue='a"\nforged 1', prefetch=1)).text().decode()
    assert 'amqptool_connected{queue="a\\"\\nforged 1"} 0.0\n' in text


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for metrics without the extra is told what to install."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(ConfigError, match=r"pip install 'amqptool\[metrics\]'"):
        Worker("amqp://127.0.0.1", "q", print, dedup=None, metrics_port=0)


def test_a_call_counts_in_each_bucket_that_it_is_no_longer_than() -> None:
    """The bounds belong to their buckets, and what is longer than all of them is counted too."""
    seconds = HandlerSeconds()
    for each in (0.001, 0.3, 1000.0):
        seconds.observe(each)
    buckets = dict(seconds.buckets())
    assert [buckets[bound] for bound in ("0.001", "0.25", "0.5", "300.0", "+Inf")] == [1, 1, 2, 2, 3]
    assert seconds.total == pytest.approx(1000.301)
