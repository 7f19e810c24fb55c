"""The management API for commands that can do without."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from amqptool.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from amqptool.broker.management import Management
    from amqptool.cli.context import Context


@asynccontextmanager
async def management_if_any(context: Context, without: str) -> AsyncIterator[Management | None]:
    """Open a session with the management API, or give None and say what goes `without`."""
    async with context.management() as management:
        try:
            await management.overview()
        except BrokerError as error:
            context.output.talk(f"{error}\n{without}")
            yield None
        else:
            yield management
