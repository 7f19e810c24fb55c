"""The way to a broker: its name, its port, TLS, the login and the vhost."""

from __future__ import annotations

import asyncio
import errno
import ssl
from typing import TYPE_CHECKING, Any

from amqptool.broker.amqp.lookup import look_up
from amqptool.broker.doctor.step import Step, failed, not_asked
from amqptool.broker.tls import client_context, tls_failure
from amqptool.errors import AccessRefused, BrokerUnavailable, ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.errors import AmqptoolError
    from amqptool.settings.url import AmqpUrl

#: Seconds for each step.
TIMEOUT = 10.0
#: How RabbitMQ says that a vhost is not there, or not for this user (NOT_ALLOWED).
_NOT_ALLOWED = 530

_NAME = "check the host name in the URL, /etc/hosts and the resolver"
_PORT = "check that the broker runs and listens on this port, and that no firewall is between"
_TRUST = "name the authority with ?cacertfile=FILE, the host as its certificate does, and our certificate with certfile"
_LOGIN = "check user and password: `rabbitmqctl authenticate_user USER PASSWORD` on the broker's machine"
_VHOST = "`rabbitmqctl add_vhost VHOST`, and `rabbitmqctl set_permissions -p VHOST USER '.*' '.*' '.*'` or less"
_AGAIN = "look into the broker's log, and try again"


async def find_name(url: AmqpUrl) -> Step:
    """Look the host up."""
    try:
        async with asyncio.timeout(TIMEOUT):
            found = await look_up(url.host, url.port)
    except (OSError, UnicodeError):
        return failed("dns", BrokerUnavailable(f"the host name {url.host!r} cannot be resolved"), _NAME)
    addresses = dict.fromkeys(str(address[0]) for *_, address in found)
    return Step(name="dns", told=f"{url.host} is {', '.join(addresses)}")


async def reach_port(url: AmqpUrl) -> Step:
    """Connect, and say nothing."""
    try:
        await _open(url)
    except OSError as error:
        return failed("tcp", BrokerUnavailable(f"{url.netloc_host}:{url.port}: {_words(error)}"), _PORT)
    return Step(name="tcp", told=f"{url.netloc_host}:{url.port} takes connections")


async def shake_hands(url: AmqpUrl) -> Step:
    """Make a TLS connection, if the URL wants one."""
    if not url.tls:
        return not_asked("tls", "the URL says amqp://, without TLS")
    try:
        version = await _open(url, ssl=client_context(url.options), server_hostname=url.host)
    except ssl.SSLError as error:
        return failed("tls", ConfigError(tls_failure(error)), _TRUST)
    except ConfigError as error:
        return failed("tls", error, _TRUST)
    except OSError as error:
        return failed("tls", BrokerUnavailable(f"the TLS handshake: {_words(error)}"), _AGAIN)
    return Step(name="tls", told=f"{version}, certificate and host name are good")


def logged_in(url: AmqpUrl) -> Sequence[Step]:
    """Return the steps of a login that was taken."""
    return [_auth(url), Step(name="vhost", told=f"{url.vhost!r} is there, and {url.who} may use it")]


def not_logged_in(url: AmqpUrl, error: AmqptoolError) -> Sequence[Step]:
    """Return the steps of a login that was not, the last of which failed."""
    if isinstance(error, AccessRefused) and error.reply_code == _NOT_ALLOWED:
        return [_auth(url), failed("vhost", error, _VHOST)]
    advice = _LOGIN if isinstance(error, AccessRefused) else _TRUST if isinstance(error, ConfigError) else _AGAIN
    return [failed("auth", error, advice)]


def _auth(url: AmqpUrl) -> Step:
    return Step(name="auth", told=f"{url.who} is known")


async def _open(url: AmqpUrl, **tls: Any) -> str:
    """Open a connection and close it; return its version of TLS."""
    async with asyncio.timeout(TIMEOUT):
        _, writer = await asyncio.open_connection(url.host, url.port, **tls)
    secured = writer.get_extra_info("ssl_object")
    writer.transport.abort()  # an orderly end may take long, and nothing was said
    return str(secured.version()) if secured else ""


def _words(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    # Of several addresses, asyncio tells all that happened, in one text.
    refused = isinstance(error, ConnectionRefusedError) or f"[Errno {errno.ECONNREFUSED}]" in str(error)
    return "connection refused" if refused else "the connection cannot be made, or was lost"
