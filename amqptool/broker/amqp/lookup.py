"""Looking hosts up without anybody having to wait for the resolver."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import Future
from threading import Thread
from typing import Any


async def look_up(host: str, port: int, **hints: int) -> Any:
    """Look a host up, as `socket.getaddrinfo` does, in a thread of its own.

    An executor's thread would be waited for at the end of the loop, even by one who has given up on it long before,
    and executors take nothing more while the interpreter exits.
    """
    found: Future[Any] = Future()

    def ask() -> None:
        if not found.set_running_or_notify_cancel():  # from here on it can be unheard, but not cancelled
            return
        try:
            found.set_result(socket.getaddrinfo(host, port, **hints))
        except Exception as error:
            found.set_exception(error)

    Thread(target=ask, name="amqptool resolve", daemon=True).start()
    return await asyncio.wrap_future(found)
