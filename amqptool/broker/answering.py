"""Of several brokers, the one for whatever takes more than one connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.broker.discovery import brokers_at, urls_at

if TYPE_CHECKING:
    from amqptool.broker.discovery import Urls
    from amqptool.settings.url import AmqpUrl


async def first_to_answer(urls: Urls) -> AmqpUrl:
    """Return the URL of the first broker that answers; where it is known to be the only one, it is not asked.

    Raises:
        BrokerUnavailable: none answers, or etcd did not say which they are.
        AccessRefused: all that answered refused the credentials or the vhost, or etcd refused us.
        ConfigError: the URLs are none of brokers or etcd, or TLS failed.
    """
    where = brokers_at(urls)
    known = urls_at(where)
    if len(known) == 1:
        return known[0]
    from amqptool.broker.amqp import Hosts, any_of

    async with any_of(Hosts(where)) as connection:
        return connection.url
