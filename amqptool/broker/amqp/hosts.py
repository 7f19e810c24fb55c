"""Several brokers of one cluster, of which whichever answers is used; etcd may say which they are."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from amqptool.broker.amqp.connection import CONNECT_TIMEOUT, Connection, closing
from amqptool.broker.discovery import Discovery
from amqptool.errors import AmqptoolError, BrokerUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from amqptool.settings.url import AmqpUrl


class Hosts:
    """The URLs to try, in turn, beginning with the one that answered last.

    Those that etcd knows are there after the first `refresh`.
    """

    def __init__(self, where: Sequence[AmqpUrl] | Discovery) -> None:
        self._discovery = where if isinstance(where, Discovery) else None
        self._urls = where.urls if isinstance(where, Discovery) else tuple(where)
        self._position = 0

    def __len__(self) -> int:
        return len(self._urls)

    def __str__(self) -> str:
        return ", ".join(url.address for url in self._urls)

    @property
    def urls(self) -> tuple[AmqpUrl, ...]:
        """All of them."""
        return self._urls

    @property
    def current(self) -> AmqpUrl:
        """The one to try next."""
        return self._urls[self._position]

    def rotate(self) -> None:
        """Turn to the next one: the current one has failed."""
        self._position = (self._position + 1) % len(self._urls)

    async def refresh(self) -> None:
        """Ask again which they are, where somebody may have changed that; see `Discovery.refresh` for the errors."""
        if self._discovery is None:
            return
        await self._discovery.refresh()
        if self._discovery.urls != self._urls:
            self._urls, self._position = self._discovery.urls, 0


async def connect_to_any(hosts: Hosts, *, name: str = "amqptool", timeout: float = CONNECT_TIMEOUT) -> Connection:
    """Connect to the first of the hosts that answers, trying each once, all of them within the timeout.

    Which they are is asked before, each time.

    Raises:
        BrokerUnavailable: none answered, or etcd did not say which they are.
        AccessRefused: all that answered refused the credentials or the vhost.
        ConfigError: TLS failed.
    """
    await hosts.refresh()
    errors: list[AmqptoolError] = []
    for _ in range(len(hosts)):
        try:
            return await Connection.open(hosts.current, name=name, timeout=timeout / len(hosts))
        except AmqptoolError as error:
            errors.append(error)
            hosts.rotate()
    raise _worst(errors)


@asynccontextmanager
async def any_of(hosts: Hosts) -> AsyncIterator[Connection]:
    """Open a connection to any of the hosts for the length of a block; see `connect_to_any` for the errors."""
    async with closing(await connect_to_any(hosts)) as connection:
        yield connection


def _worst(errors: Sequence[AmqptoolError]) -> AmqptoolError:
    """Return one error for all: a host that is away may come back, so the others' refusals are not the last word."""
    if len(errors) == 1:
        return errors[0]
    text = "; ".join(str(error) for error in errors)
    away = any(isinstance(error, BrokerUnavailable) for error in errors)
    return BrokerUnavailable(text) if away else type(errors[0])(text)
