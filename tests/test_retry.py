"""The names and arguments of the queues behind a retry ladder."""

from __future__ import annotations

import pytest

from amqptool import retry


def test_wait_queue() -> None:
    """A wait queue is named after its queue and its delay."""
    assert retry.wait_queue("orders", 5000) == "amqptool.retry.orders.5000"


def test_dead_letter_queue() -> None:
    """A dead-letter queue is named after its queue."""
    assert retry.dead_letter_queue("orders") == "orders.dead"


@pytest.mark.parametrize("queue", ["q" * 255, "é" * 127, "q" * 236])
def test_long_names(queue: str) -> None:
    """A name that is too long for AMQP is cut, and ends in a hash and the delay."""
    name = retry.wait_queue(queue, 5000)
    assert len(name.encode()) <= 255
    assert name.endswith(".5000")
    assert "~" in name
    assert name != retry.wait_queue(queue[:-1] + "x", 5000)


def test_longest_plain_name() -> None:
    """A name of exactly 255 bytes is not cut."""
    queue = "q" * (255 - len("amqptool.retry..5000"))
    assert retry.wait_queue(queue, 5000) == f"amqptool.retry.{queue}.5000"


def test_wait_queue_arguments() -> None:
    """A wait queue is a quorum queue that dead-letters to its queue at least once."""
    assert retry.wait_queue_arguments("orders", 5000) == {
        "x-queue-type": "quorum",
        "x-message-ttl": 5000,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": "orders",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def test_is_wait_queue() -> None:
    """A wait queue is known by its name and all of its arguments."""
    arguments = retry.wait_queue_arguments("orders", 5000)
    assert retry.is_wait_queue("amqptool.retry.orders.5000", arguments)
    assert not retry.is_wait_queue("amqptool.retry.orders.6000", arguments)
    assert not retry.is_wait_queue("amqptool.retry.orders.5000", {**arguments, "x-expires": 1})
    assert not retry.is_wait_queue("orders", {})
