"""Planning and declaring for programs: one call each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.broker.answering import first_to_answer
from amqptool.broker.management import Management
from amqptool.broker.reconcile import declaring, planning
from amqptool.broker.reconcile.reconciling import reconcile
from amqptool.errors import ConfigError
from amqptool.settings.url import management_url as default_management_url

if TYPE_CHECKING:
    from amqptool.broker.discovery import Urls
    from amqptool.broker.reconcile.outcome import Declared
    from amqptool.broker.reconcile.permits import Permits
    from amqptool.topology.diff import Ownership, Plan
    from amqptool.topology.model import Topology


async def plan(
    urls: Urls, topology: Topology, *, management_url: str | None = None, prune: Ownership | None = None
) -> Plan:
    """Return the changes that would make a broker match a topology, and change nothing.

    Of several URLs, or with `etcd://…`, it is the first broker that answers. The management API is at
    `management_url`, or at port 15672 of the broker's host. Deleted would be only what `prune` owns. Objects without a
    vhost of their own belong to the URL's.

    Raises:
        BrokerUnavailable: none of several brokers answers, or etcd does not.
        AccessRefused: the user may not use the management API, or etcd or all of several brokers refused us.
        ManagementUnavailable: there is no management API.
    """
    url = await first_to_answer(urls)
    async with Management.at(management_url or default_management_url(url), url) as management:
        return await planning.make_plan(management, topology, vhost=url.vhost, prune=prune)


async def declare(
    urls: Urls, topology: Topology, *, management_url: str | None = None, permits: Permits | None = None
) -> list[Declared]:
    """Make a broker match a topology; return one outcome for each object.

    Of several URLs, or with `etcd://…`, it is the first broker that answers.

    With `management_url`, what differs is changed as far as `permits` allow it. Without, everything is declared
    over AMQP: exchanges first, then queues, then bindings. What cannot be declared does not keep the rest from
    it; declaring again changes nothing. Objects without a vhost of their own belong to the URL's.

    Raises:
        BrokerUnavailable: the broker, or etcd, could not be reached in the first place.
        AccessRefused: one of them refused the credentials, or the broker a vhost.
        ConfigError: there are `permits` without a `management_url`.
    """
    if permits is not None and management_url is None:
        raise ConfigError("what `permits` allow needs the management API: give its `management_url`")
    url = await first_to_answer(urls)
    if management_url is None:
        return await declaring.declare(url, topology)
    async with Management.at(management_url, url) as management:
        return await reconcile(url, management, topology, permits)
