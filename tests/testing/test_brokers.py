"""The pytest plugin gives other projects a broker, vhosts and deliveries."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from amqptool.broker.amqp import connect
from amqptool.errors import AccessRefused, ConfigError
from amqptool.message import Message
from amqptool.testing import broker_for_tests, fresh_vhost, make_delivery

if TYPE_CHECKING:
    from amqptool.broker.local import Endpoint
    from amqptool.settings.url import AmqpUrl


async def visit(url: AmqpUrl) -> None:
    """Connect and leave."""
    async with connect(url):
        pass


def test_a_test_gets_a_vhost_of_its_own(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """The URL can be connected to, on the run's broker."""
    assert (amqptool_vhost.host, amqptool_vhost.port) == (amqptool_node.url.host, amqptool_node.url.port)
    assert amqptool_vhost.vhost.startswith("amqptool-test-")
    asyncio.run(visit(amqptool_vhost))


def test_a_vhost_is_deleted_when_its_test_fails(amqptool_node: Endpoint) -> None:
    """Nothing accumulates on a broker that is not ours."""
    with pytest.raises(ZeroDivisionError), fresh_vhost(amqptool_node) as url:
        raise ZeroDivisionError
    with pytest.raises(AccessRefused):
        asyncio.run(visit(url))


def test_vhosts_can_be_made_while_a_loop_runs(amqptool_node: Endpoint) -> None:
    """The fixture disturbs no event loop of the tests, nor is it disturbed by one."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with fresh_vhost(amqptool_node) as url:
            await visit(url)
        assert asyncio.get_running_loop() is loop

    asyncio.run(main())


@pytest.mark.parametrize(
    ("environ", "management_url"),
    [
        ({}, "http://[::1]:15672"),
        ({"AMQPTOOL_TEST_MANAGEMENT_URL": "https://rabbit:15671"}, "https://rabbit:15671"),
    ],
)
def test_another_broker_can_be_named(environ: dict[str, str], management_url: str) -> None:
    """AMQPTOOL_TEST_URL is used as it is; the management API is on its host unless said."""
    with broker_for_tests({"AMQPTOOL_TEST_URL": "amqp://u:p@[::1]:5/v", **environ}) as broker:
        assert broker.url.reveal() == "amqp://u:p@[::1]:5/v"
        assert broker.management_url == management_url


def test_a_bad_test_url_is_an_error() -> None:
    """It does not fall back to a private node."""
    with pytest.raises(ConfigError), broker_for_tests({"AMQPTOOL_TEST_URL": "rabbit"}):
        pass


def test_a_delivery_is_made_from_a_body() -> None:
    """It looks as if it had been published to the queue through the default exchange."""
    delivery = make_delivery(b"body", queue="work")
    assert (delivery.body, delivery.queue, delivery.exchange, delivery.routing_key) == (
        b"body",
        "work",
        "",
        "work",
    )
    assert (delivery.attempt, delivery.redelivered) == (1, False)


def test_a_delivery_takes_any_field_of_a_message() -> None:
    """Message fields go to the message, the others to the delivery."""
    delivery = make_delivery(exchange="e", routing_key="k", message_id="id", headers={"n": 1}, attempt=3)
    expected = Message(body=b"", exchange="e", routing_key="k", message_id="id", headers={"n": 1})
    assert (delivery.message, delivery.attempt) == (expected, 3)


def test_importing_the_plugin_is_cheap() -> None:
    """Every pytest run of everyone who has amqptool installed imports it."""
    heavy = {"aiohttp", "asyncio", "click", "pika", "yaml"}
    code = f"import sys, amqptool.testing; print(*{heavy} & set(sys.modules))"
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert imported.stdout.split() == []
