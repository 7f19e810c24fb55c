"""A pytest plugin: a private RabbitMQ for the run, a vhost for each test, and what tests do with them.

It is active wherever amqptool is installed, and starts nothing until a test asks for a fixture.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from amqptool.testing.brokers import broker_for_tests, fresh_vhost
from amqptool.testing.messages import Published, consume_one, declare, make_delivery, publish, published
from amqptool.testing.routes import assert_routes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amqptool.broker.local import Endpoint
    from amqptool.settings.url import AmqpUrl

__all__ = [
    "Published",
    "amqptool_node",
    "amqptool_vhost",
    "assert_routes",
    "broker_for_tests",
    "consume_one",
    "declare",
    "fresh_vhost",
    "make_delivery",
    "publish",
    "published",
]


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
