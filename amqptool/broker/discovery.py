"""Brokers whose URLs stand in etcd, where somebody may change them at any time."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeAlias

from amqptool.broker.etcd import read_key
from amqptool.errors import AmqptoolError, ConfigError
from amqptool.settings.etcd_url import EtcdUrl, brokers_of
from amqptool.settings.url import AmqpUrl, parse_urls

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger(__name__)


class Discovery:
    """The URLs that a key in etcd holds, as they were when it was read last.

    Whoever connects to the same brokers shares one, so that all know what one of them has learnt.
    """

    def __init__(self, url: EtcdUrl) -> None:
        self._url = url
        #: None before the first reading.
        self.urls: tuple[AmqpUrl, ...] = ()
        # What kind of error was told of last; each is told of once, until reading works again.
        self._told: type[AmqptoolError] | None = None

    def __str__(self) -> str:
        return str(self._url)

    async def refresh(self) -> None:
        """Read the key again; what was read before goes on to hold if that fails.

        Raises:
            BrokerUnavailable: etcd cannot be reached, for the first time.
            AccessRefused: it refused us, for the first time.
            ConfigError: for the first time, there are no broker URLs to be had.
        """
        try:
            self.urls = self._parsed(await read_key(self._url))
        except AmqptoolError as error:
            if not self.urls:
                raise
            self._warn(error)
        else:
            self._told = None

    def _parsed(self, value: str) -> tuple[AmqpUrl, ...]:
        try:
            return parse_urls(value)
        except ConfigError as error:
            raise ConfigError(f"the value of {self._url.name}: {error}") from None

    def _warn(self, error: AmqptoolError) -> None:
        level = logging.DEBUG if self._told is type(error) else logging.WARNING
        self._told = type(error)
        known = ", ".join(url.address for url in self.urls)
        log.log(level, "%s; going on with what it said before: %s", error, known)


#: Where brokers are: their URLs, which do not change, or what asks etcd for them.
Where: TypeAlias = tuple[AmqpUrl, ...] | Discovery
#: How somebody may say that.
Urls: TypeAlias = "AmqpUrl | EtcdUrl | str | Sequence[AmqpUrl | str] | Discovery"


def brokers_at(urls: Urls) -> Where:
    """Return where brokers are.

    Raises:
        ConfigError: the URLs are none of brokers or etcd.
    """
    if isinstance(urls, Discovery):
        return urls
    brokers = brokers_of(urls)
    return Discovery(brokers) if isinstance(brokers, EtcdUrl) else brokers


def urls_at(where: Where) -> tuple[AmqpUrl, ...]:
    """Return the URLs of brokers as they are known now."""
    return where.urls if isinstance(where, Discovery) else where
