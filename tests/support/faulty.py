"""A TCP proxy in the test's own event loop whose connections can be cut, reset, silenced and slowed."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from amqptool.settings.url import AmqpUrl

#: Makes `close` reset the connection (SO_LINGER, 0 seconds).
_RESET = struct.pack("ii", 1, 0)


class FaultyLine:
    """All connections through one proxy; each fault strikes those that are there, not the next ones."""

    def __init__(self, url: AmqpUrl) -> None:
        self._url = url
        self._writers: list[asyncio.StreamWriter] = []
        self._pumps: set[asyncio.Task[None]] = set()
        #: What becomes of every chunk that the broker sends.
        self.edit: Callable[[bytes], bytes] = lambda chunk: chunk
        #: Seconds that every chunk takes on its way, in both directions, and how large a chunk is.
        self.delay = 0.0
        self.slice = 65536
        #: How many connections there have been.
        self.connections = 0

    def cut(self) -> None:
        """Close all connections, in order."""
        for writer in self._taken():
            writer.close()

    def reset(self) -> None:
        """Close all connections with RST, in the middle of whatever is on its way."""
        for writer in self._taken():
            if not writer.is_closing():
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                writer.transport.abort()

    def silence(self) -> None:
        """Forward nothing more on the connections that are there, and tell nobody."""
        for pump in self._pumps:
            pump.cancel()
        self._pumps.clear()

    def mute_from(self, sign: bytes) -> None:
        """Swallow all that the broker sends, from where this stands for the first time, and tell nobody."""
        is_mute = False

        def edit(chunk: bytes) -> bytes:
            nonlocal is_mute
            heard, found, _ = chunk.partition(sign)
            was_mute, is_mute = is_mute, is_mute or bool(found)
            return b"" if was_mute else heard

        self.edit = edit

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect a client to the broker."""
        self.connections += 1
        server_reader, server_writer = await asyncio.open_connection(self._url.host, self._url.port)
        self._writers += (writer, server_writer)
        for source, target in ((reader, server_writer), (server_reader, writer)):
            pump = asyncio.create_task(self._pump(source, target, edited=target is writer))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    def _taken(self) -> list[asyncio.StreamWriter]:
        taken, self._writers = self._writers, []
        return taken

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, edited: bool) -> None:
        with suppress(ConnectionError):
            while chunk := await source.read(self.slice):
                if self.delay:
                    await asyncio.sleep(self.delay)
                target.write(self.edit(chunk) if edited else chunk)
                await target.drain()
            target.close()


@asynccontextmanager
async def faulty_line(url: AmqpUrl) -> AsyncIterator[tuple[FaultyLine, AmqpUrl]]:
    """Listen on a free port, and forward to the broker as long as nothing else is wanted."""
    line = FaultyLine(url)
    server = await asyncio.start_server(line.accept, "127.0.0.1", 0)
    try:
        yield line, replace(url, host="127.0.0.1", port=server.sockets[0].getsockname()[1])
    finally:
        server.close()
        line.silence()
        line.reset()
