"""Names of the broker's objects for shell completion: what is there now, or nothing if that takes too long."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from amqptool.cli.context import Context

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


def _names(context: click.Context, incomplete: str, listed: _List) -> list[str]:
    ours = context.find_object(Context)
    if ours is None:
        return []
    try:
        found = asyncio.run(_ask(ours, listed))
    except Exception:  # whatever it is, there is nobody to tell: the shell waits for names alone
        return []
    names = (each["name"] for each in found)
    # What is not printable may be more than one name to a shell; the default exchange has none.
    return sorted(name for name in names if name and name.startswith(incomplete) and name.isprintable())


async def _ask(context: Context, listed: _List) -> list[dict[str, Any]]:
    async with asyncio.timeout(_PATIENCE):
        vhost = context.resolve_url().value.vhost
        async with context.management() as management:
            return await listed(management, vhost)
