"""A pytest plugin: a private RabbitMQ for the run, a vhost for each test, deliveries to try handlers on.

It is active wherever amqptool is installed, and starts nothing until a test asks for a fixture.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Mapping

    from amqptool.broker.local import Endpoint
    from amqptool.message import Delivery
    from amqptool.settings.url import AmqpUrl

__all__ = ["amqptool_node", "amqptool_vhost", "broker_for_tests", "fresh_vhost", "make_delivery"]


@pytest.fixture(scope="session")
def amqptool_node() -> Iterator[Endpoint]:
    """Give the run's broker: a private node, or the one that AMQPTOOL_TEST_URL names."""
    with broker_for_tests(os.environ) as broker:
        yield broker


@pytest.fixture
def amqptool_vhost(amqptool_node: Endpoint) -> Iterator[AmqpUrl]:
    """Give the URL of a vhost that nobody has used, and delete it afterwards."""
    with fresh_vhost(amqptool_node) as url:
        yield url


def make_delivery(
    body: bytes = b"",
    *,
    queue: str = "queue",
    delivery_tag: int = 1,
    redelivered: bool = False,
    attempt: int = 1,
    **fields: Any,
) -> Delivery:
    """Make a delivery as a handler gets it; `fields` are those of `Message`.

    Unless they say otherwise, it was published to the queue through the default exchange.
    """
    from amqptool.message import Delivery, Message

    message = Message(body=body, **{"routing_key": queue, **fields})
    return Delivery(message=message, queue=queue, delivery_tag=delivery_tag, redelivered=redelivered, attempt=attempt)


@contextmanager
def broker_for_tests(environ: Mapping[str, str]) -> Iterator[Endpoint]:
    """Give the broker that AMQPTOOL_TEST_URL names, or else start a private one.

    AMQPTOOL_TEST_MANAGEMENT_URL is where its management API is, if not on that host's port 15672.
    """
    from amqptool.broker.local import Endpoint, temporary
    from amqptool.settings.url import management_url, parse_url

    if "AMQPTOOL_TEST_URL" not in environ:
        with temporary() as node:
            yield node
        return
    url = parse_url(environ["AMQPTOOL_TEST_URL"])
    yield Endpoint(url=url, management_url=environ.get("AMQPTOOL_TEST_MANAGEMENT_URL", management_url(url)))


@contextmanager
def fresh_vhost(broker: Endpoint) -> Iterator[AmqpUrl]:
    """Create a vhost with a random name, and delete it afterwards."""
    from dataclasses import replace
    from uuid import uuid4

    from amqptool.broker.management import Management

    name = f"amqptool-test-{uuid4().hex[:12]}"

    async def create() -> None:
        async with Management.at(broker.management_url, broker.url) as management:
            await management.create_vhost(name)

    async def delete() -> None:
        async with Management.at(broker.management_url, broker.url) as management:
            await management.delete_vhost(name)

    _run(create())
    try:
        yield replace(broker.url, vhost=name)
    finally:
        _run(delete())


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine in a thread of its own, so that the tests' own event loop stays as it is."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()
