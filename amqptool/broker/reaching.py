"""Waiting for a broker that is not there yet, and for queues in it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from amqptool.broker.amqp import Hosts, closing, connect_to_any
from amqptool.broker.amqp.connection import CONNECT_TIMEOUT
from amqptool.broker.occupancy import occupancies
from amqptool.errors import BrokerUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from typing import TypeAlias

    from amqptool.broker.amqp import Connection
    from amqptool.broker.discovery import Where
    from amqptool.broker.management import Management
    from amqptool.broker.occupancy import Occupancy
    from amqptool.broker.patience import Patience

    #: Gives the management API at which a queue's un-acked messages are to be looked up, if any.
    ChooseManagement: TypeAlias = "Callable[[], Awaitable[Management | None]]"

#: Seconds by which the un-acked messages of a quorum queue are told late: its tick, and a moment.
QUORUM_LAG = 6.0


async def wait_for(
    where: Where,
    management: Management | None,
    patience: Patience,
    queues: Sequence[str] = (),
    *,
    choose: ChooseManagement | None = None,
) -> dict[str, Occupancy]:
    """Return when one of the brokers can be reached, its management API, where that is given, and queues are there.

    With `choose`, they hold nothing that can be seen, too. Returned is what they hold.

    Raises:
        BrokerUnavailable: that was not so in time, or one of them did not answer.
        AccessRefused: the broker refused the credentials or the vhost.
    """
    hosts = Hosts(where)
    try:
        async with asyncio.timeout_at(patience.end):
            return await _when_there(hosts, management, patience, queues, choose)
    except TimeoutError as error:
        or_management = "" if management is None and choose is None else ", or its management API"
        raise patience.reason or BrokerUnavailable(f"no answer in time from {hosts}{or_management}") from error


async def _when_there(
    hosts: Hosts,
    management: Management | None,
    patience: Patience,
    queues: Sequence[str],
    choose: ChooseManagement | None,
) -> dict[str, Occupancy]:
    while True:
        try:
            async with _reached(hosts, management, patience) as connection:
                return await _when_found(connection, patience, queues, choose)
        except BrokerUnavailable as reason:
            await patience.pause(reason)


@asynccontextmanager
async def _reached(hosts: Hosts, management: Management | None, patience: Patience) -> AsyncIterator[Connection]:
    """Open a connection to any of the hosts for the length of a block; one attempt, within the time that is left.

    Raises:
        BrokerUnavailable: none of them can be reached, or the management API, where that is given.
        AccessRefused: the broker refused the credentials or the vhost.
    """
    connection = await connect_to_any(hosts, timeout=min(patience.left, CONNECT_TIMEOUT))
    async with closing(connection):
        if management is not None:
            await _answer(management, patience.left)
        yield connection


async def _answer(management: Management, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await management.cluster_name()
    except TimeoutError as error:
        raise BrokerUnavailable("the management API does not answer") from error


async def _when_found(
    connection: Connection, patience: Patience, queues: Sequence[str], choose: ChooseManagement | None
) -> dict[str, Occupancy]:
    tells_lack = _Emptiness().lack if choose else lambda _name, _occupancy: ""
    while True:
        found = await occupancies(connection, await choose() if choose else None, queues)
        lacks = {name: tells_lack(name, found[name]) if name in found else "does not exist" for name in queues}
        lacks = {name: lack for name, lack in lacks.items() if lack}
        if not lacks:
            return found
        reason = BrokerUnavailable("; ".join(f"queue {name!r} {lack}" for name, lack in lacks.items()))
        # How many messages are left is no news, else every look would be.
        await patience.pause(reason, str({name: name in found for name in lacks}))


class _Emptiness:
    """Whether queues hold nothing; of a quorum queue with consumers, what they hold is seen late."""

    def __init__(self) -> None:
        self._clock = asyncio.get_running_loop().time
        #: Since when nothing was seen in each.
        self._since: dict[str, float] = {}

    def lack(self, name: str, occupancy: Occupancy) -> str:
        """Say why a queue is still waited for; '' if it is not."""
        if occupancy.ready or occupancy.unacked:
            self._since.pop(name, None)
            return _held(occupancy)
        if occupancy.queue_type != "quorum" or not occupancy.consumers:
            return ""
        seen = self._clock() - self._since.setdefault(name, self._clock())
        return "" if seen > QUORUM_LAG else "may hold un-acked messages, which a quorum queue tells late"


def _held(occupancy: Occupancy) -> str:
    messages = occupancy.ready + (occupancy.unacked or 0)
    unacked = f" ({occupancy.unacked:,} of them un-acked)" if occupancy.unacked else ""
    return f"holds {messages:,} message{'' if messages == 1 else 's'}{unacked}"
