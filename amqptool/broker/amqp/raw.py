"""pika's connection on asyncio's own transport, which can be given up at any moment and writes what is gathered."""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import TYPE_CHECKING, Any

from pika.adapters.asyncio_connection import AsyncioConnection
from pika.exceptions import AMQPError, ConnectionOpenAborted, StreamLostError
from pika.frame import decode_frame

from amqptool.broker.amqp.frames import FrameReader

if TYPE_CHECKING:
    from collections.abc import Callable

    import pika

    from amqptool.broker.amqp.frames import TakeFrame

log = logging.getLogger(__name__)

#: Bytes to gather at most: beyond, joining costs more memory than the call it saves.
GATHERED = 64 * 1024


class RawConnection(AsyncioConnection, asyncio.Protocol):  # type: ignore[misc]  # pika has no types
    """Speaks AMQP over the transport that it is made the protocol of.

    pika's own workflow, transport included, cannot be cancelled: `AMQPConnector.abort` fails its own assertion.
    """

    _error: Exception | None

    def __init__(self, parameters: pika.ConnectionParameters) -> None:
        #: Set when the handshake is over: to None, or to what ended it.
        self.opened: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
        self._reader = FrameReader()
        self._listeners: dict[int, list[TakeFrame]] = {}
        self._gathered: list[bytes] = []
        self._size = 0
        super().__init__(parameters, internal_connection_workflow=False)
        self.add_on_open_callback(lambda _raw: self._decide(None))
        self.add_on_open_error_callback(lambda _raw, error: self._decide(error), remove_default=True)

    # -- what asyncio calls: the names of pika's protocol, which took them from asyncio --

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        self._proto_connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Take in frames; whatever is none, or fails in a callback, ends the connection."""
        try:
            self.bytes_received += len(data)  # which the heartbeat looks at
            self._reader.read(data, self._take)
        except AMQPError as error:
            self.hang_up(error)
        except Exception as error:
            log.debug("what arrived cannot be handled", exc_info=True)
            self.hang_up(StreamLostError(f"what arrived cannot be handled: {error!r}"))

    def eof_received(self) -> bool:
        """Close when the peer has closed."""
        return bool(self._proto_eof_received())

    def connection_lost(self, error: Exception | None) -> None:
        """Tell everybody who waits on the connection or its channels."""
        if isinstance(error, ssl.SSLError):  # as TLS 1.3 refuses a client: after its handshake
            self._decide(error)
        if self._error is None:  # asyncio itself has closed it, as when it is cancelled; pika wants a reason
            self._error = ConnectionOpenAborted()
        self._proto_connection_lost(error)

    # -- ours --

    def hang_up(self, reason: Exception) -> None:
        """Drop the connection without the closing handshake, for which pika has no public way."""
        if self._transport is not None:
            self._terminate_stream(reason)

    def hear(self, channel: int, listener: TakeFrame) -> Callable[[], None]:
        """Show each frame of a channel to `listener` first, until what is returned is called.

        pika never sees those that it takes; it returns 0 for others.
        """
        listeners = self._listeners.setdefault(channel, [])
        listeners.append(listener)
        return lambda: listeners.remove(listener)

    def send(self, frames: list[bytes]) -> None:
        """Send encoded frames."""
        for frame in frames:
            self._adapter_emit_data(frame)

    def _take(self, data: bytes, start: int, end: int) -> int:
        for listener in self._listeners.get(data[start + 1] << 8 | data[start + 2], ()):
            if after := listener(data, start, end):
                return after
        self._process_frame(decode_frame(data[start:end])[1])
        return end

    def _decide(self, error: BaseException | None) -> None:
        if not self.opened.done():
            self.opened.set_result(error)

    def _adapter_emit_data(self, data: bytes) -> None:
        # pika's own hook for what writes to its transport. A call for each frame would be three a small message.
        if not self._gathered:
            asyncio.get_running_loop().call_soon(self.flush)
        self._gathered.append(data)
        self._size += len(data)
        if self._size >= GATHERED:
            self.flush()

    def flush(self) -> None:
        """Send what was gathered."""
        if not self._gathered:
            return
        data = b"".join(self._gathered)
        self._gathered, self._size = [], 0
        transport: Any = self._transport
        if transport is not None and not transport.is_closing():  # asyncio logs writes to a lost connection
            transport.write(data)
