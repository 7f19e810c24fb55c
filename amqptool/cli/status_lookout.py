"""Looking up the figures of queues again and again: at one of several hosts, and at the next when that has gone."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

from amqptool.cli.management import management_or_reason
from amqptool.errors import AmqptoolError, BrokerUnavailable
from amqptool.settings import DEFAULT_ORIGIN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from amqptool.broker.management import Management
    from amqptool.broker.status import QueueChoice, QueueStatus
    from amqptool.cli.context import Context
    from amqptool.settings.url import AmqpUrl

log = logging.getLogger(__name__)


class Lookout:
    """Has a session with the management API of the host in use, or, without one, asks the host itself.

    `insist` is whether AMQP alone does not tell enough. Once an API has answered, it is not done without.
    """

    def __init__(self, context: Context, choice: QueueChoice, *, insist: bool) -> None:
        self._context = context
        self._choice = choice
        self._insist = insist
        self._session = AsyncExitStack()
        self._management: Management | None = None
        #: The broker that is asked.
        self.url: AmqpUrl

    async def __aenter__(self) -> Self:
        await self._context.choose_url()
        await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.aclose()

    async def look(self) -> Sequence[QueueStatus]:
        """Return the queues that are meant, the deepest first.

        Raises:
            BrokerUnavailable: the host has gone, and so has the next, if there is one.
            BrokerError: it refuses to tell.
        """
        try:
            return await look_up(self.url, self._management, self._choice)
        except BrokerUnavailable as error:
            if error.reply_code is not None or not self._may_go_on:  # with a code, the host is there
                raise
            await self._go_on(error)
        return await look_up(self.url, self._management, self._choice)

    @property
    def _may_go_on(self) -> bool:
        """Whether the figures may be had elsewhere: a management API that was named is at one address."""
        is_named = self._context.resolve_management_url().origin != DEFAULT_ORIGIN
        return self._context.may_choose and not is_named

    async def _go_on(self, reason: BrokerUnavailable) -> None:
        """Turn to the next host; what is in use stays in use if there is none."""
        await self._context.choose_another_url()
        await self._open()
        log.warning("going on with %s: %s", self.url.address, reason)

    async def _open(self) -> None:
        async with AsyncExitStack() as opening:
            session = management_or_reason(self._context, insist_on_guess=self._insist)
            found = await opening.enter_async_context(session)
            before, self._session = self._session, opening.pop_all()
        self.url = self._context.resolve_url().value
        self._management = None if isinstance(found, AmqptoolError) else found
        self._insist = self._insist or self._management is not None
        await before.aclose()


async def look_up(url: AmqpUrl, management: Management | None, choice: QueueChoice) -> Sequence[QueueStatus]:
    """Return the queues that are meant, the deepest first."""
    from amqptool.broker.amqp import connect
    from amqptool.broker.status import counted_queues, read_queues

    if management is not None:
        return await read_queues(management, url.vhost, choice)
    async with connect(url) as connection:
        return await counted_queues(connection, choice.patterns)
