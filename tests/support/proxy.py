"""A TCP proxy before the broker that tells about a chosen AMQP method before the broker gets it."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from amqptool.settings.url import AmqpUrl

#: Class and method numbers of `basic.ack` (AMQP 0-9-1).
BASIC_ACK = (60, 80)


@contextmanager
def proxy_before(url: AmqpUrl, method: tuple[int, int], on_method: Callable[[], None]) -> Iterator[AmqpUrl]:
    """Forward to the broker, calling `on_method` before the first frame of that method, which is dropped.

    From then on nothing of that connection is forwarded.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection((url.host, url.port))
            threading.Thread(target=_watch, args=(client, server, method, on_method), daemon=True).start()
            threading.Thread(target=_copy, args=(server, client), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield AmqpUrl(host="127.0.0.1", port=port, username=url.username, password=url.password, vhost=url.vhost)
    finally:
        listener.close()


def _watch(
    client: socket.socket, server: socket.socket, method: tuple[int, int], on_method: Callable[[], None]
) -> None:
    with client, server:
        stream = client.makefile("rb")
        server.sendall(stream.read(8))  # the protocol header
        while header := stream.read(7):
            kind, _, size = struct.unpack(">BHI", header)
            payload = stream.read(size + 1)
            if kind == 1 and struct.unpack(">HH", payload[:4]) == method:
                on_method()
                return
            server.sendall(header + payload)


def _copy(source: socket.socket, destination: socket.socket) -> None:
    try:
        while chunk := source.recv(65536):
            destination.sendall(chunk)
    except OSError:
        return
