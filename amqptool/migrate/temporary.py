"""The temporary queue: what it is called, and properties with which it loses nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.retry import fitting
from amqptool.topology.model import Queue

if TYPE_CHECKING:
    from amqptool.message import FieldValue

#: How a quorum queue of RabbitMQ 4 is told to return a message as often as it likes; 3.x has no limit anyway.
_NO_LIMIT = {"x-delivery-limit": -1}
#: Taken from the queue that is to be: where it is, and where a message goes that expires by itself.
_KEPT = (
    "x-max-priority",
    "x-queue-leader-locator",
    "x-quorum-initial-group-size",
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
)
#: At-least-once dead-lettering needs `reject-publish`, which means nothing without a maximal length.
_AT_LEAST_ONCE = {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}
#: The keys of policies with which the temporary queue could lose messages, or refuse them.
RISKY_KEYS = frozenset({"expires", "message-ttl", "max-length", "max-length-bytes", "delivery-limit"})


def temporary_name(queue: str) -> str:
    """Return the name of the temporary queue, and of the exchange through which it is filled and emptied."""
    return fitting(f"amqptool.migrate.{queue}")


def lock_name(queue: str) -> str:
    """Return the name of the queue that is exclusive to a running migration."""
    return fitting(f"amqptool.migrating.{queue}")


def rehearsal_name(queue: str) -> str:
    """Return the name of the queue with which it is tried whether the broker takes the new properties."""
    return fitting(f"amqptool.rehearsal.{queue}")


def temporary_queue(desired: Queue, queue_type: str, *, rabbitmq: int) -> Queue:
    """Return the temporary queue: of the desired one's type, and without its limits.

    `rabbitmq` is the broker's major version.
    """
    arguments: dict[str, FieldValue] = {"x-queue-type": queue_type}
    arguments |= {name: desired.arguments[name] for name in _KEPT if name in desired.arguments}
    if _AT_LEAST_ONCE.items() <= desired.arguments.items():
        arguments |= _AT_LEAST_ONCE
    if queue_type == "quorum" and rabbitmq >= 4:
        arguments |= _NO_LIMIT
    return Queue(name=temporary_name(desired.name), arguments=arguments, vhost=desired.vhost)
