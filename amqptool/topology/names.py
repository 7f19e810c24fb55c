"""What RabbitMQ takes as a name, and which names are its own."""

from __future__ import annotations

from amqptool.carried import MAX_SHORT_STRING
from amqptool.topology.problems import did_you_mean, quoted

EXCHANGE_TYPES = ("direct", "fanout", "topic", "headers")
#: The exchanges that every vhost has, or gets from RabbitMQ and its plugins; they may be bound, not declared.
PREDECLARED = frozenset(
    {
        *("amq.direct", "amq.fanout", "amq.topic", "amq.headers", "amq.match"),
        *("amq.rabbitmq.trace", "amq.rabbitmq.log", "amq.rabbitmq.event"),
    }
)
#: Those that a vhost may have: of the event exchange plugin, and of the log.
OPTIONAL = frozenset({"amq.rabbitmq.event", "amq.rabbitmq.log"})
RESERVED_PREFIX = "amq."


def predeclared_type(name: str) -> str:
    """Return the type of one of the predeclared exchanges; the default exchange, with no name, is direct."""
    if name.startswith("amq.rabbitmq."):
        return "topic"
    return {"": "direct", "amq.match": "headers"}.get(name, name.removeprefix(RESERVED_PREFIX))


def flaw_of_key(text: str) -> str | None:
    """Return why RabbitMQ would not take a text as a routing key, or None."""
    try:
        length = len(text.encode("utf-8", "surrogateescape"))  # a command line may have bytes that are no UTF-8
    except UnicodeEncodeError:
        return "is not valid Unicode text"
    return f"is {length} bytes long in UTF-8; AMQP allows {MAX_SHORT_STRING}" if length > MAX_SHORT_STRING else None


def flaw_of_name(text: str) -> str | None:
    """Return why RabbitMQ would not take a text as a name, or None."""
    if not text:
        return "must not be empty"
    if "\n" in text or "\r" in text:
        return "contains a line break, which RabbitMQ would remove silently"
    return flaw_of_key(text)


def flaw_of_exchange_type(text: str) -> str | None:
    """Return why RabbitMQ has no such exchange type, or None; types of plugins begin with `x-`."""
    if text in EXCHANGE_TYPES or (text.startswith("x-") and len(text) > len("x-")):
        return None
    hint = did_you_mean(text, EXCHANGE_TYPES)
    known = ", ".join(EXCHANGE_TYPES)
    return f"must be one of {known}, or a plugin's x-… type, not {quoted(text)}{hint}"
