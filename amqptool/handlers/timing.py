"""How long one message may take."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from amqptool.errors import HandlerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def time_limit(seconds: float) -> AsyncIterator[None]:
    """Cancel the block after so many seconds.

    Raises:
        HandlerError: it took longer.
    """
    try:
        async with asyncio.timeout(seconds) as limit:
            yield
    except TimeoutError as error:
        if not limit.expired():
            raise  # the handler's own
        raise HandlerError(f"not finished after {seconds:g} seconds") from error
