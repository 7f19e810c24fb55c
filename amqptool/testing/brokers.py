"""Brokers for tests, and vhosts on them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from amqptool.testing.loops import run_apart

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amqptool.broker.local import Endpoint
    from amqptool.settings.url import AmqpUrl


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

    run_apart(create())
    try:
        yield replace(broker.url, vhost=name)
    finally:
        run_apart(delete())
