"""Certificates that are renewed under running workers and publishers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from amqptool import AmqpUrl, Message, Publisher, UrlOptions, Worker
from tests.security.tls_node import TlsNode
from tests.support.broker import declare_queue, delete_queue, publish
from tests.support.faulty import FaultyLine, faulty_line
from tests.support.monitoring import until

Work = Callable[[FaultyLine, AmqpUrl], Awaitable[None]]
TOLD = "no usable PEM there"
MESSAGE = Message(body=b"", routing_key="renewal")


@pytest.fixture
def certificate(tls_node: TlsNode, tmp_path: Path) -> Path:
    """Give a file with a client's certificate and key, which may be overwritten."""
    file = tmp_path / "client.pem"
    file.write_bytes(Path(tls_node.certificates.file("client")).read_bytes())
    return file


@contextmanager
def half_written(certificate: Path) -> Iterator[None]:
    """Let a file be of no use until the block ends."""
    good = certificate.read_bytes()
    certificate.write_bytes(good[: len(good) // 2])
    yield
    certificate.write_bytes(good)


def over_a_line(node: TlsNode, certificate: Path, work: Work) -> None:
    """Let something work on a queue over a line to the listener that wants a client certificate."""

    async def scenario() -> None:
        await declare_queue(node.node.url, MESSAGE.routing_key)
        options = UrlOptions(cacertfile=node.certificates.file("ca"), certfile=str(certificate))
        async with faulty_line(node.url("mutual")) as (line, url):
            await work(line, replace(url, host="localhost", options=options))
        await delete_queue(node.node.url, MESSAGE.routing_key)

    asyncio.run(scenario())


def test_a_worker_waits_for_a_certificate_that_can_be_used(
    tls_node: TlsNode, certificate: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It has begun, so it goes on trying."""
    caplog.set_level("INFO")

    async def work(line: FaultyLine, url: AmqpUrl) -> None:
        worker = Worker(url, MESSAGE.routing_key, lambda _: None, dedup=None)
        async with asyncio.TaskGroup() as group:
            group.create_task(worker.serve())
            await publish(tls_node.node.url, [MESSAGE])
            await until(lambda: worker.report.handled == 1)
            with half_written(certificate):
                line.reset()
                await until(lambda: TOLD in caplog.text)
            await publish(tls_node.node.url, [MESSAGE])
            await until(lambda: worker.report.handled >= 2)  # the first may have come again
            worker.stop()

    over_a_line(tls_node, certificate, work)


def test_so_does_a_publisher(tls_node: TlsNode, certificate: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What it is given meanwhile is confirmed in the end."""
    caplog.set_level("INFO")

    async def work(line: FaultyLine, url: AmqpUrl) -> None:
        async with Publisher(url) as publisher:
            await publisher.publish(MESSAGE)
            with half_written(certificate):
                line.reset()
                publishing = asyncio.create_task(publisher.publish(MESSAGE))
                await until(lambda: TOLD in caplog.text)
            await publishing

    over_a_line(tls_node, certificate, work)
