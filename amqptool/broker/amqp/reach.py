"""The way to an open connection: addresses, TCP, TLS and the AMQP handshake."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pika.exceptions import ConnectionOpenAborted

from amqptool.broker.amqp.lookup import look_up
from amqptool.broker.amqp.raw import RawConnection
from amqptool.broker.amqp.translate import translate
from amqptool.broker.tls import client_context
from amqptool.errors import AccessRefused, BrokerUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pika

    from amqptool.errors import AmqptoolError
    from amqptool.settings.url import AmqpUrl

#: Seconds to wait for the reason of a refusal; RabbitMQ gives a client ten for its first word.
ALERT_TIMEOUT = 1.0


async def reach(url: AmqpUrl, parameters: pika.ConnectionParameters, timeout: float) -> RawConnection:
    """Open a connection at the first of the host's addresses where a broker answers.

    `timeout` is seconds for finding the addresses, and for each of them. Cancelled at any moment, it leaves nothing
    open.

    Raises:
        BrokerUnavailable: there is no broker, or it did not answer in time.
        AccessRefused: the broker refused the credentials or the vhost.
        ConfigError: TLS failed, or a file that it needs cannot be read.
    """
    doing = f"cannot connect to {url.address} as {url.who}"
    addresses = await _addresses(doing, url, timeout)
    tls = _tls(url)
    last: AmqptoolError = BrokerUnavailable(f"{doing}: the host has no address")
    for family, *_, address in addresses:
        try:
            async with asyncio.timeout(timeout):
                # With its scope, which a link-local address is nothing without (RFC 4007).
                host, _ = socket.getnameinfo(address, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)
                target = {**tls, "family": family, "host": host, "port": address[1]}
                return await _attempt(doing, parameters, target)
        except OSError as error:  # of which TimeoutError is one
            last = translate(error, doing)
        except BrokerUnavailable as error:
            last = error
    raise last


async def _addresses(doing: str, url: AmqpUrl, timeout: float) -> Sequence[Any]:
    try:
        async with asyncio.timeout(timeout):
            return await _resolve(url.host, url.port)
    except TimeoutError as error:
        raise BrokerUnavailable(f"{doing}: the host name was not resolved in time") from error
    except (OSError, UnicodeError) as error:  # IDNA has no such name
        raise translate(error, doing) from error


async def _resolve(host: str, port: int) -> Sequence[Any]:
    """Return what `socket.getaddrinfo` does; an address takes no resolver, and so no thread."""
    try:
        return socket.getaddrinfo(host.encode(), port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        found: Sequence[Any] = await look_up(host, port, type=socket.SOCK_STREAM)
        return found


def _tls(url: AmqpUrl) -> dict[str, Any]:
    return {"ssl": client_context(url.options), "server_hostname": url.host} if url.tls else {}


async def _attempt(doing: str, parameters: pika.ConnectionParameters, target: Mapping[str, Any]) -> RawConnection:
    loop = asyncio.get_running_loop()
    _, raw = await loop.create_connection(lambda: RawConnection(parameters), **target)
    try:
        error = await raw.opened
    except asyncio.CancelledError:
        raw.hang_up(ConnectionOpenAborted())
        raise
    if error is not None:
        raise _with_hint(translate(await _alert(raw, target) or error, doing), parameters, target)
    return raw


def _with_hint(error: AmqptoolError, parameters: pika.ConnectionParameters, target: Mapping[str, Any]) -> AmqptoolError:
    """Say what the broker keeps to itself when it refuses a login: where its default user may come from."""
    who = getattr(parameters.credentials, "username", None)  # EXTERNAL has none
    if not isinstance(error, AccessRefused) or error.reply_code != 403 or who != "guest":
        return error
    if target["host"] == "::1" or target["host"].startswith("127."):
        return error
    hint = "unless its loopback_users say otherwise, guest may only connect from the broker's own machine"
    return AccessRefused(f"{error}; {hint}", reply_code=error.reply_code)


async def _alert(raw: RawConnection, target: Mapping[str, Any]) -> ssl.SSLError | None:
    """Return why the peer refused us after our side of the TLS handshake, where that was lost.

    With TLS 1.3 we speak before it has looked at our certificate, and its reset may be faster than its alert. So we
    listen to another one of its connections, silently, for a moment.
    """
    if "ssl" not in target or raw.bytes_received:
        return None
    with suppress(TimeoutError, OSError):
        async with asyncio.timeout(ALERT_TIMEOUT):
            reader, writer = await asyncio.open_connection(**target)
            try:
                await reader.read(1)
            except ssl.SSLError as error:
                return error
            finally:
                writer.close()
    return None
