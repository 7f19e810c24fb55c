"""A worker whose dedup store fails under it."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from amqptool import AmqpUrl, Delivery, MemoryStore, Message, Worker, WorkReport
from tests.support.broker import declare_queue, publish, queue_length
from tests.support.cli import cli_arguments, cli_environment
from tests.support.monitoring import until


async def prepare(url: AmqpUrl, count: int) -> None:
    """Put so many messages into queue `q`."""
    await declare_queue(url, "q")
    await publish(url, [Message(body=b"%d" % number, routing_key="q") for number in range(count)])


class Trouble:
    """A store, and what takes it away and brings it back."""

    def __init__(self, url: str, begin: Callable[[], object], end: Callable[[], object]) -> None:
        self.url = url
        self.begin = begin
        self.end = end


@pytest.fixture(params=["sqlite", "redis", "postgresql"])
def trouble(request: pytest.FixtureRequest, tmp_path: Path) -> Trouble:
    """Give each kind of store: a file that is moved away, and servers that are stopped."""
    if request.param == "sqlite":
        path, away = tmp_path / "dedup.db", tmp_path / "away"
        return Trouble(f"sqlite:///{path}", lambda: path.rename(away), lambda: away.rename(path))
    server = request.getfixturevalue(f"{request.param}_server")
    return Trouble(request.getfixturevalue(f"{request.param}_url"), server.stop, server.start)


def test_messages_are_held_while_the_store_is_gone(
    amqptool_vhost: AmqpUrl, trouble: Trouble, caplog: pytest.LogCaptureFixture
) -> None:
    """What is handled is not acknowledged and nothing is lost or run again; then the worker goes on by itself."""
    runs: Counter[bytes] = Counter()
    gone = asyncio.Event()

    async def handle(delivery: Delivery) -> None:
        runs.update([delivery.body])
        if len(runs) == 1:
            await asyncio.to_thread(trouble.begin)
            gone.set()

    async def scenario() -> tuple[WorkReport, int]:
        await prepare(amqptool_vhost, 5)
        worker = Worker(amqptool_vhost, "q", handle, dedup=trouble.url, max_messages=5)
        serving = asyncio.create_task(worker.serve())
        await gone.wait()
        await until(lambda: "holding all messages un-acked" in caplog.text)
        held = worker.report.acknowledged
        trouble.end()  # in this thread: a server ends with the one that has started it
        return await serving, held

    report, held = asyncio.run(scenario())
    assert (held, report.handled, report.duplicates) == (0, 5, 0)
    assert runs == {b"%d" % number: 1 for number in range(5)}


def test_a_worker_whose_lease_was_over_has_no_say_any_more(
    amqptool_vhost: AmqpUrl, caplog: pytest.LogCaptureFixture
) -> None:
    """Its handler goes on and its DONE is refused; it learns that the other one has done it, and acknowledges."""
    now = [1000.0]
    store = MemoryStore(clock=lambda: now[0])
    first, free = asyncio.Event(), asyncio.Event()

    async def wait(_delivery: Delivery) -> None:
        first.set()
        await free.wait()

    async def scenario() -> tuple[WorkReport, WorkReport]:
        await declare_queue(amqptool_vhost, "q")
        message = Message(body=b"x", routing_key="q")
        await publish(amqptool_vhost, [message, message])
        slow = asyncio.create_task(Worker(amqptool_vhost, "q", wait, dedup=store, max_messages=1).serve())
        await first.wait()
        now[0] += store.lease + 1
        other = await Worker(amqptool_vhost, "q", lambda _: None, dedup=store, max_messages=1).serve()
        free.set()
        return await slow, other

    slow, other = asyncio.run(scenario())
    assert (slow.handled, slow.duplicates, other.handled) == (0, 1, 1)
    assert "another worker took it over" in caplog.text


#: Bytes that each file may have: enough for the store's tables and little more.
FULL = 100_000


def test_a_full_disk_stops_the_taking_of_messages_until_there_is_room(amqptool_vhost: AmqpUrl, tmp_path: Path) -> None:
    """No message is handled without its claim nor acknowledged without DONE; with room again all is worked off."""
    (tmp_path / "app.py").write_text("def handle(delivery):\n    print(delivery.body.decode(), flush=True)\n")
    asyncio.run(prepare(amqptool_vhost, 1000))
    words = ("--handler", "app:handle", "--app-dir", str(tmp_path), "--dedup", f"sqlite:///{tmp_path}/dedup.db")
    command = cli_arguments("consume", "q", *words, "-n", "1000", "--json", prefix=["prlimit", f"--fsize={FULL}:"])
    environment = cli_environment({"AMQPTOOL_URL": amqptool_vhost.reveal()})
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stderr is not None
        told = process.stderr.readline()
        subprocess.run(["prlimit", "--pid", str(process.pid), "--fsize=unlimited:"], check=True)
        printed, _ = process.communicate(timeout=60)

    *bodies, document = printed.splitlines()
    assert "holding all messages un-acked until it works again" in told
    assert sorted(bodies, key=int) == [str(number) for number in range(1000)]
    assert (process.returncode, json.loads(document)["handled"]) == (0, 1000)
    assert asyncio.run(queue_length(amqptool_vhost, "q")) == 0
