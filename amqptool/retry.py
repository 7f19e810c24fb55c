"""The queues behind a retry ladder and a dead-letter queue: their names and arguments, the same for all of us.

A topology file that says `retry:` declares what a worker with `--retry` would declare on demand.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from amqptool.carried import MAX_SHORT_STRING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A quorum queue deletes what came back so often, from RabbitMQ 4.0 on after 20 deliveries unless it says otherwise,
#: and who only looks at a dead letter gives it back. Before 4.0, there is no word for none (-1).
NO_DELIVERY_LIMIT = 2**31 - 1

_PREFIX = "amqptool.retry."
_HASH_DIGITS = 16


def wait_queue(queue: str, delay: int) -> str:
    """Return the name of the queue in which messages of `queue` wait for `delay` milliseconds."""
    return fitting(f"{_PREFIX}{queue}", f".{delay}")


def dead_letter_queue(queue: str) -> str:
    """Return the name of the queue for the dead letters of `queue`, where nobody chose another one."""
    return fitting(queue, ".dead")


def wait_queue_arguments(queue: str, delay: int) -> dict[str, str | int]:
    """Return the arguments of a wait queue: its messages go back to `queue` after `delay` milliseconds.

    A quorum queue that dead-letters at least once, because a classic one loses messages if the broker dies
    as they expire. It needs RabbitMQ 3.10 or later.
    """
    return {"x-queue-type": "quorum", "x-message-ttl": delay, **at_least_once(queue)}


def dead_letter_queue_arguments() -> dict[str, str | int]:
    """Return the arguments of a dead-letter queue."""
    return {"x-queue-type": "quorum", "x-delivery-limit": NO_DELIVERY_LIMIT}


def at_least_once(target: str) -> dict[str, str | int]:
    """Return the arguments with which a quorum queue dead-letters to a queue, losing nothing on the way.

    At-least-once dead-lettering needs `reject-publish` (RabbitMQ quorum queue guide, "Dead lettering").
    """
    return {
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": target,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def is_wait_queue(name: str, arguments: Mapping[str, object]) -> bool:
    """Return whether a queue is a wait queue of ours, by its name and its arguments."""
    target, delay = arguments.get("x-dead-letter-routing-key"), arguments.get("x-message-ttl")
    if not isinstance(target, str) or not isinstance(delay, int):
        return False
    return name == wait_queue(target, delay) and dict(arguments) == wait_queue_arguments(target, delay)


def fitting(head: str, tail: str = "") -> str:
    """Join two parts of a name; one that is too long for AMQP ends in a hash of the whole."""
    name = head + tail
    if len(name.encode()) <= MAX_SHORT_STRING:
        return name
    end = f"~{sha256(name.encode()).hexdigest()[:_HASH_DIGITS]}{tail}"
    room = MAX_SHORT_STRING - len(end.encode())
    return head.encode()[:room].decode(errors="ignore") + end
