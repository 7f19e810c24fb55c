"""What RabbitMQ's own exchanges are, and what it takes as a key."""

from __future__ import annotations

import pytest

from amqptool.topology.names import flaw_of_key, predeclared_type


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


@pytest.mark.parametrize(
    ("key", "flaw"),
    [
        ("", None),
        ("é" * 127, None),
        ("\udcff" * 255, None),
        ("é" * 128, "is 256 bytes long in UTF-8; AMQP allows 255"),
        ("\udcff" * 256, "is 256 bytes long in UTF-8; AMQP allows 255"),
        ("\ud800", "is not valid Unicode text"),
    ],
)
def test_a_key_is_up_to_255_bytes(key: str, flaw: str | None) -> None:
    """Each that is no UTF-8, as a command line may have it, counts as one."""
    assert flaw_of_key(key) == flaw
