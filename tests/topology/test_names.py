"""What RabbitMQ's own exchanges are."""

from __future__ import annotations

import pytest

from amqptool.topology.names import predeclared_type


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", "direct"),
        ("amq.direct", "direct"),
        ("amq.fanout", "fanout"),
        ("amq.topic", "topic"),
        ("amq.headers", "headers"),
        ("amq.match", "headers"),
        ("amq.rabbitmq.trace", "topic"),
        ("amq.rabbitmq.log", "topic"),
        ("amq.rabbitmq.event", "topic"),
    ],
)
def test_predeclared_type(name: str, expected: str) -> None:
    """Most names say it."""
    assert predeclared_type(name) == expected
