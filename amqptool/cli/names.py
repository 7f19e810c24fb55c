"""Names of profiles and of a broker's objects for shell completion: what is there, or nothing if that takes long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.cli.context import Context
from amqptool.errors import AmqptoolError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    import click

    from amqptool.broker.management import Management

    _List = Callable[[Management, str], Coroutine[Any, Any, list[dict[str, Any]]]]

#: Seconds that somebody who has pressed Tab waits at most.
_PATIENCE = 5.0


def queue_names(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the queues whose names begin so."""
    return _names(context, incomplete, lambda management, vhost: management.queues(vhost))


def exchange_names(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the exchanges whose names begin so."""
    return _names(context, incomplete, lambda management, vhost: management.exchanges(vhost))


def profile_names(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the profiles whose names begin so."""
    ours = context.find_object(Context)
    try:
        found = ours.profiles.found if ours else ()
    except AmqptoolError:
        return []
    return sorted(name for name in found if name.startswith(incomplete) and name.isprintable())


def _names(context: click.Context, incomplete: str, listed: _List) -> list[str]:
    ours = context.find_object(Context)
    if ours is None:
        return []
    import asyncio  # of which --help has no use

    # Nobody who presses Tab expects to be asked for a password, or told anything.
    ours.quiet, ours.may_ask = True, False
    try:
        vhost = ours.resolve_url().value.vhost  # which may ask etcd, on a loop of its own
        found = asyncio.run(_ask(ours, vhost, listed))
    except Exception:  # whatever it is, there is nobody to tell: the shell waits for names alone
        return []
    names = (each["name"] for each in found)
    # What is not printable may be more than one name to a shell; the default exchange has none.
    return sorted(name for name in names if name and name.startswith(incomplete) and name.isprintable())


async def _ask(context: Context, vhost: str, listed: _List) -> list[dict[str, Any]]:
    import asyncio

    async with asyncio.timeout(_PATIENCE):
        async with context.management() as management:
            return await listed(management, vhost)
