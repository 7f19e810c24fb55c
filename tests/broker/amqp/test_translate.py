"""pika's errors become ours, and say what a caller can do."""

from __future__ import annotations

import socket
import ssl

import pytest
from pika import exceptions as pika_errors

from amqptool import errors
from amqptool.broker.amqp.translate import REPLY_CODES, from_reply, translate


def closed(code: int, text: str) -> str:
    """Give the text that pika makes of a broker's close frame."""
    return repr(pika_errors.ConnectionClosedByBroker(code, text))


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (pika_errors.ConnectionClosedByBroker(320, "CONNECTION_FORCED - bye"), errors.BrokerUnavailable, "bye"),
        (pika_errors.ChannelClosedByBroker(404, "NOT_FOUND - no queue"), errors.NotFound, "no queue"),
        (pika_errors.ChannelClosedByBroker(406, "PRECONDITION_FAILED"), errors.PreconditionFailed, "PRECONDITION"),
        (
            pika_errors.ChannelClosedByBroker(
                406,
                "PRECONDITION_FAILED - stream queue 'q' in vhost '/' does not have a running replica on the local node",
            ),
            errors.BrokerUnavailable,
            "ask another node",
        ),
        (pika_errors.ChannelClosedByBroker(403, "ACCESS_REFUSED"), errors.AccessRefused, "ACCESS_REFUSED"),
        (
            pika_errors.ProbableAuthenticationError(closed(403, "ACCESS_REFUSED - Login was refused")),
            errors.AccessRefused,
            "ACCESS_REFUSED - Login was refused",
        ),
        (
            pika_errors.ProbableAccessDeniedError(closed(530, "NOT_ALLOWED - vhost v not found")),
            errors.AccessRefused,
            "vhost v not found",
        ),
        (
            pika_errors.ProbableAccessDeniedError(closed(541, "INTERNAL_ERROR - vhost 'v' is down")),
            errors.BrokerUnavailable,
            "is down",
        ),
        (
            pika_errors.ProbableAccessDeniedError(closed(530, "NOT_ALLOWED - connection limit (9) is reached")),
            errors.BrokerUnavailable,
            "limit (9) is reached",
        ),
        (
            pika_errors.ProbableAuthenticationError(repr(pika_errors.StreamLostError("reset"))),
            errors.BrokerUnavailable,
            "lost while logging in",
        ),
        (pika_errors.IncompatibleProtocolError("x"), errors.BrokerUnavailable, "the AMQP port?"),
        (TimeoutError(), errors.BrokerUnavailable, "no answer in time"),
        (ConnectionRefusedError(111, "Connect call failed"), errors.BrokerUnavailable, "is the broker running?"),
        (ConnectionResetError(), errors.BrokerUnavailable, "the connection was lost"),
        (OSError(113, "Connect call failed ('::1', 1)"), errors.BrokerUnavailable, "No route to host"),
        (UnicodeError("label empty or too long"), errors.BrokerUnavailable, "cannot be resolved"),
        (socket.gaierror(-2, "Name or service not known"), errors.BrokerUnavailable, "cannot be resolved"),
        (ssl.SSLZeroReturnError(6, "closed"), errors.BrokerUnavailable, "the connection was lost in the TLS handshake"),
        (ssl.SSLError(1, "WRONG_VERSION_NUMBER"), errors.ConfigError, "is this the TLS port?"),
        (pika_errors.StreamLostError("Transport indicated EOF"), errors.BrokerUnavailable, "the connection was lost"),
        (pika_errors.AMQPHeartbeatTimeout("no"), errors.BrokerUnavailable, "no heartbeat"),
    ],
)
def test_an_error_of_pika_becomes_ours(error: BaseException, kind: type[errors.AmqptoolError], words: str) -> None:
    """Each keeps the broker's own words, and says what was being done."""
    ours = translate(error, "connecting to host:5672/v")
    assert type(ours) is kind
    assert str(ours).startswith("connecting to host:5672/v: ")
    assert words in str(ours)


def test_every_exception_of_pika_becomes_ours() -> None:
    """Also those that nobody thought of: whatever pika raises, a caller sees our tree."""
    kinds = [kind for kind in vars(pika_errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) > 20
    for kind in kinds:
        error = Exception.__new__(kind)
        error.args = ("x",)
        if issubclass(kind, (pika_errors.ChannelClosed, pika_errors.ConnectionClosed)):
            error = kind(500, "x")
        assert isinstance(translate(error, "doing"), errors.AmqptoolError)


@pytest.mark.parametrize(("code", "kind"), [*REPLY_CODES.items(), (505, errors.BrokerError)])
def test_a_reply_code_keeps_its_number(code: int, kind: type[errors.BrokerError]) -> None:
    """The error carries the AMQP reply code, for programs that want to know."""
    error = from_reply(code, "WORDS", "doing")
    assert (type(error), error.reply_code, str(error)) == (kind, code, "doing: WORDS")


@pytest.mark.parametrize("reply", [(503, "COMMAND_INVALID"), (406, "PRECONDITION_FAILED")])
def test_an_exchange_type_that_the_broker_lacks_is_no_conflict(reply: tuple[int, str]) -> None:
    """RabbitMQ 3 and 4 refuse it with different codes; either way its plugin may be what is missing."""
    error = from_reply(reply[0], f"{reply[1]} - unknown exchange type 'x-random'", "doing")
    assert type(error) is errors.BrokerError
    assert str(error).endswith("'x-random'; is its plugin enabled?")
