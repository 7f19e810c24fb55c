"""Which message made the broker close the channel, in RabbitMQ's own words."""

from __future__ import annotations

import pytest

from amqptool.errors import (
    AccessRefused,
    AmqptoolError,
    BrokerBlocked,
    BrokerError,
    BrokerUnavailable,
    NotFound,
    PreconditionFailed,
)
from amqptool.message import Message
from amqptool.publish.refusal import culprits, is_refusal, vanished_exchange
from amqptool.publish.window import InFlight

HERE = Message(body=b"", exchange="here", routing_key="k")
DEFAULT = Message(body=b"", routing_key="q")
KEYED = Message(body=b"", exchange="here", routing_key="secret")
LARGE = Message(body=b"x" * 101, exchange="here")
FITTING = Message(body=b"x" * 100, exchange="here")
BOBS = Message(body=b"", user_id="bob")
CAROLS = Message(body=b"", user_id="carol")
QUOTED = Message(body=b"", exchange="it's 'here'")


def in_flight(*messages: Message) -> list[InFlight[None]]:
    """Make what a window holds of messages."""
    return [InFlight(message, None, number, 0, 0.0, 0.0) for number, message in enumerate(messages)]


@pytest.mark.parametrize(
    ("words", "messages", "guilty"),
    [
        ("ACCESS_REFUSED - access to exchange 'here' in vhost '/' refused for user 'u'", [DEFAULT, HERE], [HERE]),
        (
            "ACCESS_REFUSED - write access to exchange 'here' in vhost '/' refused",
            [HERE, DEFAULT, LARGE],
            [HERE, LARGE],
        ),
        ("ACCESS_REFUSED - access to exchange 'amq.default' in vhost '/' refused", [HERE, DEFAULT], [DEFAULT]),
        ("ACCESS_REFUSED - access to exchange 'it's 'here'' in vhost '/' refused", [QUOTED, DEFAULT], [QUOTED]),
        ("access to topic 'secret' in exchange 'here' in vhost '/' refused", [HERE, KEYED, DEFAULT], [KEYED]),
        ("cannot publish to internal exchange 'here' in vhost '/'", [DEFAULT, HERE], [HERE]),
        ("user_id property set to 'bob' but authenticated user was 'guest'", [HERE, CAROLS, BOBS], [BOBS]),
        ("message size 101 is larger than configured max size 100", [FITTING, LARGE, HERE], [LARGE]),
        ("message size 101 larger than max size 100", [FITTING, LARGE, HERE], [LARGE]),
        ("words that nobody knows", [HERE, DEFAULT], []),
        ("write access to exchange 'elsewhere' in vhost '/' refused", [HERE, DEFAULT], []),
        ("words that nobody knows", [HERE], [HERE]),
        ("words that nobody knows", [], []),
    ],
)
def test_the_brokers_words_name_the_guilty(words: str, messages: list[Message], guilty: list[Message]) -> None:
    """What fits the words would be refused again; one message alone needs no words."""
    found = culprits(in_flight(*messages), BrokerError(f"host:5672/: {words}"))
    assert [entry.message for entry in found] == guilty


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (NotFound("host: NOT_FOUND - no exchange 'here' in vhost '/'"), "here"),
        (NotFound("NOT_FOUND - no exchange 'it's' in vhost '/'"), "it's"),
        (NotFound("NOT_FOUND - no queue 'here' in vhost '/'"), None),
        (PreconditionFailed("no exchange 'here' in vhost '/'"), None),
    ],
)
def test_an_exchange_that_vanished_is_named(reason: AmqptoolError, expected: str | None) -> None:
    """The exchange is read from a 404, and from nothing else."""
    assert vanished_exchange(reason) == expected


@pytest.mark.parametrize(
    ("reason", "refused"),
    [
        (NotFound("x"), True),
        (AccessRefused("x"), True),
        (PreconditionFailed("x"), True),
        (BrokerError("x", reply_code=501), True),
        (BrokerUnavailable("x"), False),
        (BrokerBlocked("x"), False),
    ],
)
def test_a_refusal_is_not_a_loss(reason: AmqptoolError, refused: bool) -> None:
    """A broker that went away, or is blocked, has refused nothing."""
    assert is_refusal(reason) is refused
