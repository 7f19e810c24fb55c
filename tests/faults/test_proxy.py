"""The fault proxy does what it is told, so that what it shows is the tool's behaviour and not its own."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.faults.proxy import CALM, Conditions, FaultProxy, fault_proxy

PATIENCE = 20.0


@contextmanager
def echo_server() -> Iterator[int]:
    """Send back all that comes, on the port that is given."""
    listener = socket.create_server(("127.0.0.1", 0))

    def echo(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while chunk := connection.recv(65_536):
                connection.sendall(chunk)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=echo, args=listener.accept()[:1], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    """Give a proxy before a server that echoes."""
    with echo_server() as port, fault_proxy(port) as proxy:
        yield proxy


def client(proxy: FaultProxy) -> socket.socket:
    """Connect to a proxy."""
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE)


def echoed(connection: socket.socket, data: bytes) -> bytes:
    """Send bytes, and return as many that come back."""
    connection.sendall(data)
    return received(connection, len(data))


def received(connection: socket.socket, size: int) -> bytes:
    """Receive so many bytes, or fewer if the connection ends."""
    data = b""
    while len(data) < size and (chunk := connection.recv(size - len(data))):
        data += chunk
    return data


def test_bytes_pass_in_both_directions(proxy: FaultProxy) -> None:
    """Many, and unchanged."""
    sent = bytes(range(256)) * 1000
    with client(proxy) as connection:
        assert echoed(connection, sent) == sent


def test_an_end_is_passed_on(proxy: FaultProxy) -> None:
    """The server sees that its client has finished, and the client that the server has."""
    with client(proxy) as connection:
        connection.sendall(b"x")
        connection.shutdown(socket.SHUT_WR)
        assert received(connection, 2) == b"x"


def test_a_reset_is_no_ordinary_end(proxy: FaultProxy) -> None:
    """It is an error at the client."""
    with client(proxy) as connection:
        echoed(connection, b"x")
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


@pytest.mark.parametrize("there", [CALM, Conditions(is_black_hole=True)])
def test_a_reset_is_passed_on(there: Conditions) -> None:
    """Of a server, and also while nothing arrives there."""
    with socket.create_server(("127.0.0.1", 0)) as listener, fault_proxy(listener.getsockname()[1]) as proxy:
        proxy.condition(there=there)
        with client(proxy) as connection:
            server, _ = listener.accept()
            server.sendall(b"x")
            assert received(connection, 1) == b"x"
            server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            server.close()
            with pytest.raises(ConnectionResetError):
                connection.recv(1)


def test_who_is_refused_comes_in_when_it_accepts_again(proxy: FaultProxy) -> None:
    """On the same port."""
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        client(proxy)
    proxy.accept()
    with client(proxy) as connection:
        assert echoed(connection, b"x") == b"x"


@pytest.mark.parametrize("way", ["there", "back"])
def test_a_black_hole_swallows_until_it_is_over(proxy: FaultProxy, way: str) -> None:
    """What was sent meanwhile arrives then, as TCP sends it again."""
    with client(proxy) as connection:
        echoed(connection, b"x")
        proxy.condition(**{way: Conditions(is_black_hole=True)})
        connection.sendall(b"y")
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(PATIENCE)
        proxy.condition(**{way: CALM})
        assert received(connection, 1) == b"y"


def test_a_cut_comes_after_so_many_bytes(proxy: FaultProxy) -> None:
    """Those before it have arrived, and the next connection is whole."""
    proxy.condition(there=Conditions(cut_after=3))
    with client(proxy) as connection:
        assert echoed(connection, b"xy") == b"xy"
        with pytest.raises(ConnectionResetError):
            echoed(connection, b"z")
    with client(proxy) as connection:
        assert echoed(connection, b"x" * 100) == b"x" * 100


@pytest.mark.parametrize("slow", [Conditions(latency=0.01), Conditions(bytes_per_second=1000)])
def test_it_tells_whether_it_has_held_anything_up(proxy: FaultProxy, slow: Conditions) -> None:
    """Conditions alone are none that anybody has met with."""
    with client(proxy) as connection:
        echoed(connection, b"x")
        proxy.condition(there=slow)
        assert proxy.bites == 0
        echoed(connection, b"x")
        assert proxy.bites == 1


def test_it_tells_whether_it_has_reset_anything(proxy: FaultProxy) -> None:
    """Each connection counts, those that are cut included, and those that end by themselves do not."""
    proxy.reset()
    with client(proxy) as ended, client(proxy) as connection:
        echoed(ended, b"x")
        ended.shutdown(socket.SHUT_WR)
        received(ended, 1)
        echoed(connection, b"x")
        assert proxy.bites == 0
        proxy.condition(there=Conditions(cut_after=1))
        with pytest.raises(ConnectionResetError):
            echoed(connection, b"x")
        assert proxy.bites == 1


def test_its_connections_are_counted(proxy: FaultProxy) -> None:
    """As long as they are open."""
    with client(proxy) as one, client(proxy) as other:
        echoed(one, b"x")
        echoed(other, b"x")
        assert proxy.connections == 2
