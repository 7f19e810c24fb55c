"""The HTTP endpoint on which a running worker is observed: `/metrics`, `/live` and `/ready`."""

from __future__ import annotations

import logging
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from amqptool.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiohttp import web

    from amqptool.work.status import WorkStatus

log = logging.getLogger(__name__)

#: The version of Prometheus' text format, which it asks for in its HTTP header.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: Seconds that a request in progress may hold up the worker's end.
END_TIMEOUT = 1.0


@asynccontextmanager
async def observed(
    address: str, port: int, metrics: Callable[[], bytes], status: Callable[[], WorkStatus]
) -> AsyncIterator[int]:
    """Listen while the block runs, and hand it the port; port 0 is any that is free.

    Raises:
        ConfigError: the address and port cannot be had.
    """
    from aiohttp import web

    runner = web.AppRunner(_application(metrics, status), access_log=None, shutdown_timeout=END_TIMEOUT)
    await runner.setup()
    try:
        yield await _listen(runner, address, port)
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, address: str, port: int) -> int:
    from aiohttp import web

    try:
        await web.TCPSite(runner, address, port).start()
    except (OSError, UnicodeError) as error:  # the latter for what can be no host's name
        raise ConfigError(f"metrics cannot be served at {address} port {port}: {_reason(error)}") from error
    chosen: int = runner.addresses[0][1]
    log.info("metrics are served at %s port %d", address, chosen)
    return chosen


def _reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)  # asyncio's own text has the address once more
    return str(error)


def _application(metrics: Callable[[], bytes], status: Callable[[], WorkStatus]) -> web.Application:
    from aiohttp import web

    async def show_metrics(_request: web.Request) -> web.Response:
        return web.Response(body=metrics(), headers={"Content-Type": CONTENT_TYPE})

    async def is_live(_request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def is_ready(_request: web.Request) -> web.Response:
        trouble = status().trouble
        return web.Response(text="ready\n") if trouble is None else web.Response(status=503, text=f"{trouble}\n")

    application = web.Application()
    application.router.add_get("/metrics", show_metrics)
    application.router.add_get("/live", is_live)
    application.router.add_get("/ready", is_ready)
    return application
