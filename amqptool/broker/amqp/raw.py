"""pika's connection, taught to send what one turn of the loop produces with one system call."""

from __future__ import annotations

import asyncio
from typing import Any

from pika.adapters.asyncio_connection import AsyncioConnection

#: Bytes to gather at most: beyond, joining costs more memory than the call it saves.
GATHERED = 64 * 1024


class RawConnection(AsyncioConnection):  # type: ignore[misc]  # pika has no types
    """Gathers frames; pika itself makes a call of each, and three frames of each small message."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        self._gathered: list[bytes] = []
        self._size = 0
        super().__init__(*arguments, **settings)

    def _adapter_emit_data(self, data: bytes) -> None:
        # pika's own hook for what writes to its transport.
        if not self._gathered:
            asyncio.get_running_loop().call_soon(self._emit_gathered)
        self._gathered.append(data)
        self._size += len(data)
        if self._size >= GATHERED:
            self._emit_gathered()

    def _emit_gathered(self) -> None:
        if not self._gathered:
            return
        data = b"".join(self._gathered)
        self._gathered, self._size = [], 0
        if self._transport is not None:  # else it was lost meanwhile, as pika has said
            super()._adapter_emit_data(data)
