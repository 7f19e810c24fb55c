"""Limits that an operator has set: what is refused now may be taken later."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from amqptool import AmqpUrl, BrokerUnavailable
from amqptool.broker.amqp import connect
from amqptool.broker.local import Endpoint
from amqptool.broker.management import Management
from tests.support.vhost import VhostUnderTest, limited_user


@pytest.fixture
def user(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> Iterator[AmqpUrl]:
    """Give the URL of a user of our own, whose limits are nobody else's."""
    with limited_user(amqptool_node, amqptool_vhost, configure=".*", write=".*", read=".*") as url:
        yield url


def limit(node: Endpoint, *path: str) -> None:
    """Let there be none of something."""

    async def scenario() -> None:
        async with Management.at(node.management_url, node.url) as management:
            await management._request("limit", "PUT", *path, json={"value": 0})

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("whose", "what", "words"),
    [
        ("vhost", "max-connections", r"connection limit \(0\) is reached"),
        ("user", "max-connections", r"user connection limit \(0\) is reached"),
        ("user", "max-channels", r"maximum allowed user limit of \(0\)"),
    ],
)
def test_a_limit_on_connections_is_unavailability(
    amqptool_node: Endpoint, user: AmqpUrl, whose: str, what: str, words: str
) -> None:
    """In the broker's words; it has the code of a vhost that may not be used, but may pass."""
    limit(amqptool_node, f"{whose}-limits", user.vhost if whose == "vhost" else user.username, what)

    async def scenario() -> None:
        async with connect(user) as connection:
            await connection.channel()

    with pytest.raises(BrokerUnavailable, match=words):
        asyncio.run(scenario())


def test_a_limit_on_queues_is_no_conflict(amqptool_node: Endpoint, user: AmqpUrl) -> None:
    """The broker's words and exit code 69: nothing there has other properties."""
    limit(amqptool_node, "vhost-limits", user.vhost, "max-queues")
    done = VhostUnderTest(amqptool_node, user).run("declare", "-", text="queues: {q: }")
    assert (done.returncode, "queue limit" in done.stderr) == (69, True), done.stderr
