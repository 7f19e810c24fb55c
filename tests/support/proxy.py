"""TCP proxies before the broker: to cut at a chosen frame, to be slow or stuck."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from amqptool.settings.url import AmqpUrl


class Cut:
    """How many frames of all clients together are forwarded; then every connection is cut."""

    def __init__(self, frames: int) -> None:
        self.left = frames
        self._lock = threading.Lock()

    @property
    def happened(self) -> bool:
        """Whether it came to that."""
        return self.left < 0

    def comes(self) -> bool:
        """Count a frame, and return whether to cut before it."""
        with self._lock:
            self.left -= 1
            return self.happened


@contextmanager
def proxy_that_cuts(url: AmqpUrl, cut: Cut) -> Iterator[AmqpUrl]:
    """Forward to the broker until the cut comes."""
    with _proxy(url, lambda client, server: _forward(client, server, cut)) as proxied:
        yield proxied


#: What a slow proxy forwards at full speed: enough to log in.
HANDSHAKE = 4096


@contextmanager
def proxy_that_slows(url: AmqpUrl, bytes_per_second: int) -> Iterator[AmqpUrl]:
    """Forward to the broker at a trickle once the handshake is over; with 0, nothing more is read."""
    with _proxy(url, lambda client, server: _trickle(client, server, bytes_per_second)) as proxied:
        yield proxied


@contextmanager
def proxy_that_counts(url: AmqpUrl, on_client: Callable[[], None]) -> Iterator[AmqpUrl]:
    """Forward to the broker, telling of each connection."""

    def forward(client: socket.socket, server: socket.socket) -> None:
        on_client()
        with client, server:
            _copy(client, server)

    with _proxy(url, forward) as proxied:
        yield proxied


@contextmanager
def _proxy(url: AmqpUrl, forward: Callable[[socket.socket, socket.socket], None]) -> Iterator[AmqpUrl]:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)  # what is not forwarded waits in the client
    port = listener.getsockname()[1]

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection((url.host, url.port))
            threading.Thread(target=forward, args=(client, server), daemon=True).start()
            threading.Thread(target=_copy, args=(server, client), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield replace(url, host="127.0.0.1", port=port)
    finally:
        listener.close()


def _forward(client: socket.socket, server: socket.socket, cut: Cut) -> None:
    with client, server:
        stream = client.makefile("rb")
        try:
            server.sendall(stream.read(8))  # the protocol header
            while header := stream.read(7):
                frame = header + stream.read(struct.unpack(">BHI", header)[2] + 1)
                if cut.comes():
                    break
                server.sendall(frame)
        except OSError:
            pass
        for end in (client, server):  # closing alone would wait for the thread that copies
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def _trickle(client: socket.socket, server: socket.socket, bytes_per_second: int) -> None:
    with client, server, suppress(OSError):
        left = HANDSHAKE
        while left and (chunk := client.recv(left)):
            server.sendall(chunk)
            left -= len(chunk)
        if not bytes_per_second:
            server.recv(1)  # until the broker gives up, or the test ends
        while chunk := client.recv(bytes_per_second // 10):
            server.sendall(chunk)
            time.sleep(0.1)


def _copy(source: socket.socket, destination: socket.socket) -> None:
    try:
        while chunk := source.recv(65536):
            destination.sendall(chunk)
    except OSError:
        return
