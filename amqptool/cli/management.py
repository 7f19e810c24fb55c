"""The management API for commands that can do without."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from amqptool.errors import AmqptoolError, BrokerError, BrokerUnavailable, ConfigError
from amqptool.settings import DEFAULT_ORIGIN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from amqptool.broker.management import Management
    from amqptool.cli.context import Context

#: Seconds for an address that nobody gave us: that nothing is there, or something else, is no surprise.
GUESS_TIMEOUT = 2.0


@asynccontextmanager
async def management_if_any(
    context: Context, without: str, *, amqp_only: bool = False, insist_on_guess: bool = False
) -> AsyncIterator[Management | None]:
    """Open a session with the management API, or give None and say afterwards what goes `without`.

    Nothing is said where the work itself fails, since then the broker may well be down as a whole. An address that
    somebody gave is insisted on; one that we guess from the broker's may be wrong: `insist_on_guess` on that one too.

    Raises:
        BrokerUnavailable: there is no management API at an address that is insisted on.
        AccessRefused: the user may not use it.
        ConfigError: TLS to it failed.
    """
    await context.choose_url()
    if amqp_only:
        yield None
        context.output.talk(f"note: {without}")
        return
    async with management_or_reason(context, insist_on_guess=insist_on_guess) as found:
        if not isinstance(found, AmqptoolError):
            yield found
            return
        yield None
        context.output.talk(f"note: {found}; {without}")


@asynccontextmanager
async def management_or_reason(context: Context, *, insist_on_guess: bool) -> AsyncIterator[Management | AmqptoolError]:
    """Open a session with the management API of the URL that is in use, or give the reason why that cannot be done.

    Raises:
        AmqptoolError: that reason, if the address is insisted on.
    """
    address = context.resolve_management_url()
    guessed = address.origin == DEFAULT_ORIGIN
    async with context.management() as management:
        reason = await _unusable(management, address.value, GUESS_TIMEOUT if guessed else None)
        if reason is not None and (insist_on_guess or not guessed):
            raise reason
        yield reason or management


async def _unusable(management: Management, address: str, timeout: float | None) -> AmqptoolError | None:
    try:
        async with asyncio.timeout(timeout):
            await management.cluster_name()
    except (BrokerError, ConfigError) as error:
        return error
    except TimeoutError:
        return BrokerUnavailable(f"no management API at {address}: no answer within {timeout:g} seconds")
    return None
