"""pika's exceptions, translated into ours by one table."""

from __future__ import annotations

import os
import re
import socket
import ssl

from pika import exceptions as pika_errors

from amqptool import errors
from amqptool.broker.tls import tls_failure

#: What an AMQP reply code (0-9-1 section 1.2) means to the caller; the rest is a plain BrokerError.
REPLY_CODES: dict[int, type[errors.BrokerError]] = {
    320: errors.BrokerUnavailable,  # CONNECTION_FORCED: stopped, or closed by an operator
    403: errors.AccessRefused,  # ACCESS_REFUSED
    404: errors.NotFound,
    405: errors.AccessRefused,  # RESOURCE_LOCKED: exclusive to another connection
    406: errors.PreconditionFailed,
    503: errors.NotFound,  # COMMAND_INVALID: in practice, an exchange type that the broker does not have
    506: errors.BrokerUnavailable,  # RESOURCE_ERROR
    530: errors.AccessRefused,  # NOT_ALLOWED: no such vhost, or not for this user
    541: errors.BrokerUnavailable,  # INTERNAL_ERROR
}

# The first matching line wins.
_KINDS: tuple[tuple[type[BaseException], type[errors.AmqptoolError], str], ...] = (
    (pika_errors.ProbableAuthenticationError, errors.BrokerUnavailable, "the connection was lost while logging in"),
    (pika_errors.ProbableAccessDeniedError, errors.BrokerUnavailable, "the connection was lost while logging in"),
    (pika_errors.AuthenticationError, errors.AccessRefused, "the broker offers no login method we support"),
    (
        pika_errors.IncompatibleProtocolError,
        errors.BrokerUnavailable,
        "no AMQP 0-9-1 there: is this the AMQP port? (one for TLS takes amqps://)",
    ),
    (
        pika_errors.ProtocolSyntaxError,
        errors.BrokerUnavailable,
        "no valid AMQP 0-9-1: is this the AMQP port?",
    ),
    (pika_errors.AMQPHeartbeatTimeout, errors.BrokerUnavailable, "no heartbeat from the broker"),
    (pika_errors.ConnectionOpenAborted, errors.BrokerUnavailable, "given up"),
    (ssl.SSLZeroReturnError, errors.BrokerUnavailable, "the connection was lost in the TLS handshake"),
    (socket.gaierror, errors.BrokerUnavailable, "the host name cannot be resolved"),
    (UnicodeError, errors.BrokerUnavailable, "the host name cannot be resolved"),
    (ConnectionRefusedError, errors.BrokerUnavailable, "connection refused: is the broker running?"),
    (ConnectionResetError, errors.BrokerUnavailable, "the connection was lost"),
    (TimeoutError, errors.BrokerUnavailable, "no answer in time: is this a broker?"),
)

# pika calls whatever ends a handshake a probable refusal, also a broker that was killed in the middle; only
# the broker's own close frame, folded into the text, says that it is one.
_REFUSALS = (pika_errors.ProbableAuthenticationError, pika_errors.ProbableAccessDeniedError)
_CLOSED_BY_BROKER = re.compile(r"\((\d{3})\) (['\"])(.*?)\2", re.DOTALL)

# So many connections, channels or queues and no more: with the code of a vhost that may not be used at all (530), or of
# a conflict (406), although the next attempt may find room.
_LIMIT = re.compile(r"\(\d+\) is reached$|limit of \(\d+\)$")

#: What a node says of a stream that it cannot read.
NO_REPLICA = "does not have a running replica on the local node"


def translate(error: BaseException, doing: str) -> errors.AmqptoolError:
    """Return our error for one of pika's; `doing` says what was being done, to what."""
    if isinstance(error, (pika_errors.ConnectionClosedByBroker, pika_errors.ChannelClosedByBroker)):
        return from_reply(error.reply_code, error.reply_text, doing)
    refusal = _CLOSED_BY_BROKER.search(str(error)) if isinstance(error, _REFUSALS) else None
    if refusal:
        return from_reply(int(refusal[1]), refusal[3], doing)
    for kind, ours, words in _KINDS:
        if isinstance(error, kind):
            return ours(f"{doing}: {words}")
    if isinstance(error, ssl.SSLError):
        return errors.ConfigError(f"{doing}: {tls_failure(error)}")
    return errors.BrokerUnavailable(f"{doing}: {_words(error)}")


def from_reply(code: int, text: str, doing: str) -> errors.BrokerError:
    """Return our error for the broker's reply code and text."""
    if text.endswith("is down or inaccessible"):
        # A 404 for a queue of a cluster node that is away (RabbitMQ, "home node"): it comes back.
        return errors.BrokerUnavailable(f"{doing}: {text}", reply_code=code)
    if text.endswith(NO_REPLICA):
        # A 406 where a stream has members on other nodes of the cluster alone, or its own is down at the moment.
        hint = "; ask another node, whose host the URL may name as well"
        return errors.BrokerUnavailable(f"{doing}: {text}{hint}", reply_code=code)
    if _LIMIT.search(text):
        return errors.BrokerUnavailable(f"{doing}: {text}", reply_code=code)
    if "unknown exchange type" in text:
        # RabbitMQ 3 closes the connection with 503, 4 the channel with 406, which is no conflict here.
        return errors.BrokerError(f"{doing}: {text}; is its plugin enabled?", reply_code=code)
    return REPLY_CODES.get(code, errors.BrokerError)(f"{doing}: {text}", reply_code=code)


def _words(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)  # asyncio's own text is the address once more
    if isinstance(error, (pika_errors.StreamLostError, pika_errors.ConnectionWrongStateError)):
        return "the connection was lost"
    return str(error) or type(error).__name__
