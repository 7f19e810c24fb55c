"""Which message a line of a log is about: the one that is being handled where it is written."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import TYPE_CHECKING

from amqptool.tracing import trace_id_in

if TYPE_CHECKING:
    from amqptool.message import Delivery

#: What is being handled in this thread or task, and in the tasks that it has started.
handled: ContextVar[Delivery | None] = ContextVar("amqptool_handled", default=None)

_FACTS = ("queue", "message_id", "attempt", "correlation_id", "trace_id")


def facts_about(delivery: Delivery) -> dict[str, object]:
    """Return what a log tells of a delivery, as `extra`: its correlation id and trace id only if it has them."""
    facts = (
        delivery.queue,
        delivery.message_id,
        delivery.attempt,
        delivery.message.correlation_id,
        trace_id_in(delivery.headers),
    )
    return {name: fact for name, fact in zip(_FACTS, facts, strict=True) if fact is not None or name == "message_id"}


def facts_of(record: logging.LogRecord) -> dict[str, object]:
    """Return what is known of the message that a record is about: the one that it names, or that is being handled."""
    delivery = handled.get()
    told = {name: value for name in _FACTS if (value := getattr(record, name, None)) is not None}
    return told if delivery is None or "message_id" in told else facts_about(delivery) | told


class LogContextFilter(logging.Filter):
    """Lets what is logged in a handler tell of its message, by attributes that a format can name.

    These are `queue`, `message_id`, `attempt`, `correlation_id` and `trace_id` (of its `traceparent`), None where there
    is none. It is to be added to a `logging.Handler`, and so holds for every logger.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Give a record the attributes that it has not, and let it pass."""
        facts = facts_of(record)
        for name in _FACTS:
            if not hasattr(record, name):
                setattr(record, name, facts.get(name))
        return True
