"""All steps for one broker, in their order; none is made that the one before has made meaningless."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.broker.amqp import Connection
from amqptool.broker.doctor.consumers import check_consumers
from amqptool.broker.doctor.health import (
    check_alarms,
    check_deprecated,
    check_management,
    check_nodes,
    check_version,
    no_management,
)
from amqptool.broker.doctor.rights import check_rights
from amqptool.broker.doctor.step import failed
from amqptool.broker.doctor.way import find_name, logged_in, not_logged_in, reach_port, shake_hands
from amqptool.errors import AmqptoolError, BrokerError, ConfigError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from amqptool.broker.doctor.step import Step
    from amqptool.broker.management import Management
    from amqptool.settings.url import AmqpUrl
    from amqptool.topology.model import Topology

_WAY: Sequence[Callable[[AmqpUrl], Awaitable[Step]]] = (find_name, reach_port, shake_hands)


async def examine(
    url: AmqpUrl,
    make_management: Callable[[], Management],
    topology: Topology | None,
    purposes: Sequence[str],
    *,
    named: bool,
) -> AsyncIterator[Step]:
    """Yield what each step shows; `named` is whether somebody has said where the management API is.

    Raises:
        ConfigError: where it is said to be is no URL.
    """
    for step in _WAY:
        shown = await step(url)
        yield shown
        if shown.state == "failed":
            return
    try:
        connection = await Connection.open(url, name="amqptool doctor")
    except AmqptoolError as error:
        for shown in not_logged_in(url, error):
            yield shown
        return
    for shown in logged_in(url):
        yield shown
    try:
        yield await _rights(connection, topology, purposes)
        yield check_version(connection.version)
    finally:
        await connection.close()
    async for shown in _ask_management(make_management, url.vhost, connection.version, named=named):
        yield shown


async def _rights(connection: Connection, topology: Topology | None, purposes: Sequence[str]) -> Step:
    try:
        return await check_rights(connection, topology, purposes)
    except BrokerError as error:
        return failed("rights", error, "try again")


async def _ask_management(
    make_management: Callable[[], Management], vhost: str, version: str, *, named: bool
) -> AsyncIterator[Step]:
    try:
        made = make_management()
    except ConfigError as error:  # a certificate that cannot be read
        yield no_management(error, named=True)
        return
    async with made as management:
        shown = await check_management(management, named=named)
        yield shown
        if shown.state == "ok":
            yield await _asking("nodes", lambda: check_nodes(management))
            yield await _asking("alarms", lambda: check_alarms(management))
            yield await _asking("deprecated", lambda: check_deprecated(management))
            yield await _asking("consumers", lambda: check_consumers(management, vhost, version))


async def _asking(name: str, check: Callable[[], Awaitable[Step]]) -> Step:
    try:
        return await check()
    except BrokerError as error:
        return failed(name, error, "look into the broker's log, and try again")
