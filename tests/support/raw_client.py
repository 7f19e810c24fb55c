"""A client of a few lines that publishes headers as a test encodes them, byte by byte."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pika import frame, spec

from amqptool.settings.url import AmqpUrl

_HEADERS_FLAG = 1 << 13
_BASIC = 60
_HEADER_FRAME, _END = 2, b"\xce"


def table(*fields: tuple[bytes, bytes]) -> bytes:
    """Encode a table of names and encoded values."""
    content = b"".join(bytes([len(name)]) + name + value for name, value in fields)
    return struct.pack(">I", len(content)) + content


def nested(depth: int, kind: bytes = b"A") -> bytes:
    """Encode arrays (or with `F` tables) within each other."""
    value = b"V"
    for _ in range(depth):
        value = b"F" + table((b"k", value)) if kind == b"F" else b"A" + struct.pack(">I", len(value)) + value
    return value


class RawClient:
    """One connection with one channel in confirm mode."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._received = b""

    async def open(self, url: AmqpUrl) -> None:
        """Log in and open the channel."""
        self._writer.write(b"AMQP\0\0\x09\x01")
        await self._expect(spec.Connection.Start)
        self._send(0, spec.Connection.StartOk({}, "PLAIN", f"\0{url.username}\0{url.password}", "en_US"))
        tune = await self._expect(spec.Connection.Tune)
        self._send(0, spec.Connection.TuneOk(tune.channel_max, tune.frame_max, 0))
        for channel, method, answer in (
            (0, spec.Connection.Open(url.vhost), spec.Connection.OpenOk),
            (1, spec.Channel.Open(), spec.Channel.OpenOk),
            (1, spec.Confirm.Select(), spec.Confirm.SelectOk),
        ):
            self._send(channel, method)
            await self._expect(answer)

    async def publish(self, queue: str, headers: bytes) -> None:
        """Publish one message and wait for its confirm."""
        self._send(1, spec.Basic.Publish(exchange="", routing_key=queue))
        header = struct.pack(">HHQH", _BASIC, 0, 0, _HEADERS_FLAG) + headers
        self._writer.write(struct.pack(">BHI", _HEADER_FRAME, 1, len(header)) + header + _END)
        await self._expect(spec.Basic.Ack)

    def _send(self, channel: int, method: Any) -> None:
        self._writer.write(frame.Method(channel, method).marshal())

    async def _expect(self, kind: type) -> Any:
        while True:
            size, received = frame.decode_frame(self._received)
            if received is None:
                self._received += await self._reader.read(65536) or _closed("without a word")
                continue
            self._received = self._received[size:]
            method = getattr(received, "method", None)
            if isinstance(method, kind):
                return method
            if isinstance(method, (spec.Connection.Close, spec.Channel.Close)):
                _closed(method.reply_text)


@asynccontextmanager
async def raw_client(url: AmqpUrl) -> AsyncIterator[RawClient]:
    """Log in for the length of a block.

    Raises:
        ConnectionError: the broker closed the connection.
    """
    reader, writer = await asyncio.open_connection(url.host, url.port)
    try:
        client = RawClient(reader, writer)
        await client.open(url)
        yield client
    finally:
        writer.close()


def _closed(words: str) -> bytes:
    raise ConnectionError(f"closed by the broker: {words}")
