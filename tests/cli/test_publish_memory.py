"""Memory with an endless input and a broker that takes little or nothing: bounded by the window (C13)."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pika import spec

from amqptool import AmqpUrl
from tests.support.broker import declare_queue
from tests.support.cli import UNMEASURED, cli_arguments, cli_environment
from tests.support.fake_broker import Peer, fake_broker
from tests.support.proxy import proxy_that_slows
from tests.support.resources import peak

#: MiB: twice the bytes that may be in flight (pika holds a copy), and what Python and amqptool are.
LIMIT = 2 * 32 + 80
LINE = b"x" * 10_000 + b"\n"
#: Seconds without a byte taken, after which nothing more is.
SILENCE = 3


@contextmanager
def proxied(url: AmqpUrl, bytes_per_second: int) -> Iterator[AmqpUrl]:
    """Give a way to the broker that takes so much."""
    asyncio.run(declare_queue(url, "q"))
    with proxy_that_slows(url, bytes_per_second) as slow:
        yield slow


@contextmanager
def stopped_broker(url: AmqpUrl) -> Iterator[AmqpUrl]:
    """Give a broker that reads nothing once a client is logged in."""
    with proxied(url, 0) as slow:
        yield slow


@contextmanager
def slow_broker(url: AmqpUrl) -> Iterator[AmqpUrl]:
    """Give a broker that reads 10 KB a second."""
    with proxied(url, 10_000) as slow:
        yield slow


@contextmanager
def blocked_broker(_url: AmqpUrl) -> Iterator[AmqpUrl]:
    """Give a broker with an alarm, which comes with the first message."""
    loop = asyncio.new_event_loop()
    ready: list[AmqpUrl] = []
    started, ended = threading.Event(), asyncio.Event()

    def blocked(peer: Peer, number: int) -> None:
        if number == 1:
            peer.send(spec.Connection.Blocked("low on memory"), channel=0)

    async def serve() -> None:
        async with fake_broker(blocked) as url:
            ready.append(url)
            started.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    started.wait()
    yield ready[0]
    loop.call_soon_threadsafe(ended.set)
    thread.join()
    loop.close()


def feed_until_nothing_is_taken(descriptor: int, line: bytes) -> int:
    """Write a line into a pipe until its reader has stopped reading; return the bytes."""
    os.set_blocking(descriptor, False)
    written, rest = 0, b""
    while select.select([], [descriptor], [], SILENCE)[1]:
        rest = rest or line * 6
        taken = os.write(descriptor, rest)
        rest = rest[taken:]
        written += taken
    return written


def publish_without_end(url: AmqpUrl, line: bytes, *words: str) -> None:
    """Publish lines until no more are taken, and check the memory."""
    environment = cli_environment({**UNMEASURED, "AMQPTOOL_URL": url.reveal()})
    with subprocess.Popen(cli_arguments("publish", *words), env=environment, stdin=-1, stderr=-1) as process:
        assert process.stdin is not None
        taken = feed_until_nothing_is_taken(process.stdin.fileno(), line)
        held = peak(process.pid)
        process.send_signal(signal.SIGINT)
        complaint = process.stderr.read() if process.stderr is not None else b""
    assert taken > 32 * 1024**2, "the window was filled"
    assert held < LIMIT
    assert process.returncode == 130
    assert b"in doubt" in complaint


@pytest.mark.parametrize("broker", [stopped_broker, slow_broker, blocked_broker])
@pytest.mark.parametrize("receipts", [False, True])
def test_an_endless_input_stays_in_the_pipe(
    amqptool_vhost: AmqpUrl, tmp_path: Path, broker: Callable[[AmqpUrl], Iterator[AmqpUrl]], *, receipts: bool
) -> None:
    """The window fills, reading stops, and memory stays under its bound until the end."""
    words = ["-k", "q", "--lines", "-", *(["--receipts", f"{tmp_path}/r"] if receipts else [])]
    with broker(amqptool_vhost) as url:  # type: ignore[attr-defined]
        publish_without_end(url, LINE, *words)


def test_headers_fill_the_window_too(amqptool_vhost: AmqpUrl) -> None:
    """Records whose bytes are all in their headers are bounded as bodies are."""
    record = {"routing_key": "q", "body": "", "headers": {"big": "x" * 50_000}}
    with stopped_broker(amqptool_vhost) as url:
        publish_without_end(url, f"{json.dumps(record)}\n".encode(), "--jsonl", "-")
