"""A scripted AMQP 0-9-1 peer, for what a real broker will not do when asked: stay silent, or lie."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from queue import SimpleQueue
from typing import Any

from pika import amqp_object, frame, spec

from amqptool.settings.url import AmqpUrl

#: Called for each publish with the peer and the publish's number on its channel, from 1.
OnPublish = Callable[["Peer", int], None]
#: Called with the peer, any other method that is not answered as a broker would, and its channel.
OnMethod = Callable[["Peer", Any, int], None]


class Peer:
    """One client's connection, past the handshake."""

    def __init__(self, writer: asyncio.StreamWriter, on_publish: OnPublish, on_method: OnMethod) -> None:
        self._writer = writer
        self._on_method = on_method
        self._on_publish = on_publish
        self._published: dict[int, int] = {}
        self._closing: set[int] = set()
        #: The publish that the script is called for, and its channel.
        self.publish = spec.Basic.Publish()
        self.channel = 1
        #: Set to read everything from now on, and to answer nothing.
        self.is_silent = False

    def send(self, method: amqp_object.Method, channel: int | None = None) -> None:
        """Send one method, on the channel of the last publish if none is given."""
        self._writer.write(frame.Method(self.channel if channel is None else channel, method).marshal())

    def close_channel(self, code: int, text: str) -> None:
        """Close the channel of the last publish; nothing on it is read any more, as a broker does."""
        self._closing.add(self.channel)
        self.send(spec.Channel.Close(code, text, 60, 40))

    def send_content(
        self,
        method: amqp_object.Method,
        body: bytes,
        channel: int = 1,
        headers: dict[str, Any] | None = None,
        *,
        falsify: Callable[[bytes], bytes] = bytes,
    ) -> None:
        """Send a method that carries a message, whose content header may be changed into what no client writes."""
        header = frame.Header(channel, len(body), spec.BasicProperties(headers=headers)).marshal()
        parts = frame.Method(channel, method).marshal(), falsify(header), frame.Body(channel, body).marshal()
        self._writer.write(b"".join(parts))

    def hang_up(self) -> None:
        """Drop the connection without a word."""
        self._writer.transport.abort()

    def react(self, received: frame.Frame) -> None:
        """Answer as a broker would, but for publishes, which the script answers."""
        if self.is_silent or not isinstance(received, frame.Method):
            return
        if isinstance(received.method, spec.Channel.CloseOk):
            self._closing.discard(received.channel_number)
        if received.channel_number in self._closing:
            return
        if isinstance(received.method, spec.Channel.Open):
            self._published[received.channel_number] = 0
        if isinstance(received.method, spec.Basic.Publish):
            self.publish, self.channel = received.method, received.channel_number
            self._published[self.channel] += 1
            self._on_publish(self, self._published[self.channel])
            return
        answer = _ANSWERS.get(type(received.method))
        if answer is not None:
            self.send(answer(), received.channel_number)
        else:
            self._on_method(self, received.method, received.channel_number)


_CAPABILITIES = {"publisher_confirms": True, "consumer_cancel_notify": True, "basic.nack": True}
_ANSWERS: dict[type, Callable[[], Any]] = {
    spec.Connection.StartOk: lambda: spec.Connection.Tune(10, 131072, 0),
    spec.Connection.Open: spec.Connection.OpenOk,
    spec.Connection.Close: spec.Connection.CloseOk,
    spec.Channel.Open: spec.Channel.OpenOk,
    spec.Channel.Close: spec.Channel.CloseOk,
    spec.Confirm.Select: spec.Confirm.SelectOk,
    spec.Basic.Qos: spec.Basic.QosOk,
}


@asynccontextmanager
async def fake_broker(
    on_publish: OnPublish = lambda _peer, _number: None,
    on_method: OnMethod = lambda _peer, _method, _channel: None,
) -> AsyncIterator[AmqpUrl]:
    """Listen on a free port and play the script to every client."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)  # the protocol header
        peer = Peer(writer, on_publish, on_method)
        peer.send(spec.Connection.Start(0, 9, {"capabilities": _CAPABILITIES}, "PLAIN", "en_US"), channel=0)
        buffer = b""
        while chunk := await reader.read(65536):
            buffer += chunk
            while True:
                size, received = frame.decode_frame(buffer)
                if received is None:
                    break
                buffer = buffer[size:]
                peer.react(received)

    async def serve_until_gone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except ConnectionError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve_until_gone, "127.0.0.1", 0)
    async with server:
        yield AmqpUrl(host="127.0.0.1", port=server.sockets[0].getsockname()[1])


@contextmanager
def fake_broker_in_thread(on_publish: OnPublish) -> Iterator[AmqpUrl]:
    """Play the script in a thread of its own, for clients that block."""
    ready: SimpleQueue[AmqpUrl] = SimpleQueue()
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        async with fake_broker(on_publish) as url:
            ready.put(url)
            await over.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield ready.get()
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
