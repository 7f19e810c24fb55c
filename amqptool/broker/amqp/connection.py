"""One AMQP connection, from the handshake to its end."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pika

from amqptool import __version__
from amqptool.broker.amqp.channel import Channel
from amqptool.broker.amqp.reach import reach
from amqptool.broker.amqp.translate import translate
from amqptool.errors import BrokerUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from amqptool.broker.amqp.raw import RawConnection
    from amqptool.errors import AmqptoolError
    from amqptool.settings.url import AmqpUrl

# pika logs what it also raises, with tracebacks and the bodies of returned messages. Whoever wants that
# configures a handler; without one, Python would print it on stderr.
logging.getLogger("pika").addHandler(logging.NullHandler())

#: Seconds; RabbitMQ's guide recommends 5 to 20. A dead peer is noticed within 2 x (heartbeat + 5) seconds: pika looks
#: every heartbeat + 5 whether bytes have come, as they may have at the beginning of the interval in which it dies.
HEARTBEAT = 10
#: Seconds for TCP, TLS and the AMQP handshake together, with one address, and as many for finding the addresses.
CONNECT_TIMEOUT = 15.0
#: Seconds for the closing handshake; a broker under an alarm may never answer it (pika issue 764).
CLOSE_TIMEOUT = 3.0
#: The same where somebody waits for us to give up: a broker that is there has answered by then.
HURRIED_CLOSE_TIMEOUT = 0.3


class Connection:
    """One AMQP connection on the running event loop."""

    def __init__(self, url: AmqpUrl, raw: RawConnection) -> None:
        self.url = url
        self._raw = raw
        #: Set to the reason once the connection is gone, however it went.
        self.closed: asyncio.Future[AmqptoolError] = asyncio.get_running_loop().create_future()
        #: Called with the broker's reason when an alarm blocks publishing, and with None when it is over.
        self.on_blocked: Callable[[str | None], None] = _ignore
        raw.add_on_close_callback(self._on_closed)
        raw.add_on_connection_blocked_callback(self._on_blocked)
        raw.add_on_connection_unblocked_callback(self._on_unblocked)

    @classmethod
    async def open(
        cls,
        url: AmqpUrl,
        *,
        name: str = "amqptool",
        heartbeat: int = HEARTBEAT,
        timeout: float = CONNECT_TIMEOUT,
    ) -> Connection:
        """Connect, log in and open the vhost.

        `name` is what the broker's management shows; `heartbeat` is seconds, and so is `timeout`, for finding the
        host's addresses, and for each of them. Cancelled at any moment, it leaves nothing open.

        Raises:
            BrokerUnavailable: there is no broker, or it did not answer in time.
            AccessRefused: the broker refused the credentials or the vhost.
            ConfigError: TLS failed.
        """
        return cls(url, await reach(url, _parameters(url, name, heartbeat), timeout))

    @property
    def is_open(self) -> bool:
        """Whether the connection can be used."""
        return bool(self._raw.is_open)

    @property
    def cluster_name(self) -> str:
        """The cluster's name as the broker tells it; the same on all its nodes once it was set."""
        properties: Mapping[str, object] = self._raw.server_properties or {}
        return str(properties.get("cluster_name", self.url.host))

    @property
    def version(self) -> str:
        """The broker's version as it tells it, or ''."""
        properties: Mapping[str, object] = self._raw.server_properties or {}
        return str(properties.get("version", ""))

    async def channel(self) -> Channel:
        """Open a channel.

        Raises:
            BrokerUnavailable: the connection was lost.
        """
        if not self.is_open:
            raise BrokerUnavailable(f"{self.url.address}: the connection is closed")
        return await Channel.open(self._raw, self.url)

    async def close(self, *, timeout: float = CLOSE_TIMEOUT) -> None:
        """Close the connection, waiting so many seconds for the broker's answer."""
        if self._raw.is_open:
            self._raw.close()
        try:
            async with asyncio.timeout(timeout):
                await asyncio.shield(self.closed)
        except TimeoutError:
            self.abandon()
        except asyncio.CancelledError:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Drop the connection without the closing handshake."""
        self._raw.hang_up(pika.exceptions.ConnectionOpenAborted())

    def _on_closed(self, _raw: object, error: BaseException) -> None:
        if not self.closed.done():
            self.closed.set_result(translate(error, f"{self.url.address}"))

    def _on_blocked(self, _raw: object, frame: Any) -> None:
        self.on_blocked(str(frame.method.reason))

    def _on_unblocked(self, _raw: object, _frame: object) -> None:
        self.on_blocked(None)


@asynccontextmanager
async def connect(url: AmqpUrl, *, name: str = "amqptool") -> AsyncIterator[Connection]:
    """Open a connection for the length of a block; see `Connection.open` for the errors."""
    async with closing(await Connection.open(url, name=name)) as connection:
        yield connection


@asynccontextmanager
async def closing(connection: Connection) -> AsyncIterator[Connection]:
    """Close a connection at the end of a block, in a hurry if the block was cancelled."""
    try:
        yield connection
    except asyncio.CancelledError:
        await connection.close(timeout=HURRIED_CLOSE_TIMEOUT)
        raise
    finally:
        await connection.close()


def _ignore(_reason: str | None) -> None:
    """Do nothing."""


def _parameters(url: AmqpUrl, name: str, heartbeat: int) -> pika.ConnectionParameters:
    credentials = pika.PlainCredentials(url.username, url.password)
    if url.is_by_certificate:
        credentials = pika.credentials.ExternalCredentials()
    shown_name = name.encode("utf-8", "replace").decode()  # it may hold a queue name that is no text
    return pika.ConnectionParameters(
        host=url.host,
        port=url.port,
        virtual_host=url.vhost,
        credentials=credentials,
        heartbeat=heartbeat,
        client_properties={"product": "amqptool", "version": __version__, "connection_name": shown_name},
    )
