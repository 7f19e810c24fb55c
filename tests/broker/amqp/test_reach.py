"""The way to an open connection: which address is taken, and what is left when it is given up."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import contextmanager, suppress
from dataclasses import replace
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from amqptool import AccessRefused, AmqpUrl, BrokerUnavailable, ConfigError
from amqptool.broker.amqp.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCALHOST = "127.0.0.1"


def name_addresses(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    """Let the system's resolver give every name these addresses."""
    lookup = socket.getaddrinfo

    def look_up(host: str | bytes, port: int, **hints: int) -> Any:
        if hints.get("flags") == socket.AI_NUMERICHOST:
            return lookup(host, port, **hints)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (LOCALHOST, port)) for port in ports]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def closed_port() -> int:
    """Return a port where nobody listens."""
    with socket.create_server((LOCALHOST, 0)) as server:
        return int(server.getsockname()[1])


async def open_and_close(url: AmqpUrl) -> None:
    """Connect."""
    await (await Connection.open(url)).close()


def test_an_address_that_refuses_is_passed_over(amqptool_vhost: AmqpUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with `localhost`, which may be ::1 first, where the broker does not listen."""
    url = replace(amqptool_vhost, host="localhost")
    name_addresses(monkeypatch, closed_port(), url.port)
    asyncio.run(open_and_close(url))


def test_when_all_addresses_refuse_it_is_said_once(amqptool_vhost: AmqpUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the URL's host and port, not one of its addresses."""
    url = replace(amqptool_vhost, host="localhost")
    name_addresses(monkeypatch, closed_port(), closed_port())
    with pytest.raises(BrokerUnavailable) as error:
        asyncio.run(open_and_close(url))
    assert str(error.value) == (
        f"cannot connect to {url.address} as {url.username}: connection refused: is the broker running?"
    )


def test_credentials_that_are_refused_are_not_tried_at_the_next_address(
    amqptool_vhost: AmqpUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that locks accounts after failures would count each address."""
    url = replace(amqptool_vhost, host="localhost", password="wrong")
    name_addresses(monkeypatch, amqptool_vhost.port, closed_port())
    with pytest.raises(AccessRefused, match="Login was refused"):
        asyncio.run(open_and_close(url))


@pytest.mark.parametrize("tls", [False, True], ids=["handshake", "tls"])
def test_an_attempt_that_is_cancelled_hangs_up(amqptool_vhost: AmqpUrl, tls: bool) -> None:
    """Nothing goes on behind the caller's back: the peer sees the end at once."""

    async def scenario() -> None:
        heard: asyncio.Queue[bytes] = asyncio.Queue()

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.put_nowait(await reader.readexactly(8))
            try:
                rest = await reader.read()
            except ConnectionError:
                rest = b""
            heard.put_nowait(rest)
            writer.close()

        async with await asyncio.start_server(listen, LOCALHOST, 0) as server:
            port = server.sockets[0].getsockname()[1]
            attempt = asyncio.create_task(Connection.open(replace(amqptool_vhost, host=LOCALHOST, port=port, tls=tls)))
            assert (await heard.get() == b"AMQP\x00\x00\x09\x01") is not tls
            attempt.cancel()
            with pytest.raises(asyncio.CancelledError):
                await attempt
            await heard.get()

    asyncio.run(scenario())


def test_a_silent_peer_is_given_up_in_time(amqptool_vhost: AmqpUrl) -> None:
    """It accepts, and says nothing."""
    with socket.create_server((LOCALHOST, 0)) as server:
        silent = replace(amqptool_vhost, host=LOCALHOST, port=server.getsockname()[1])
        with pytest.raises(BrokerUnavailable, match="no answer in time: is this a broker"):
            asyncio.run(Connection.open(silent, timeout=0.05))


def test_a_silent_resolver_is_given_up_in_time(amqptool_vhost: AmqpUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names take their time, too; once one is given up, nobody waits for the resolver, not even the loop's end."""
    over, names = Event(), []
    lookup = socket.getaddrinfo

    def silent(host: str | bytes, port: int, **hints: int) -> Any:
        if hints.get("flags") == socket.AI_NUMERICHOST:
            return lookup(host, port, **hints)
        names.append(host)
        return over.wait()

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    try:
        with pytest.raises(BrokerUnavailable, match="the host name was not resolved in time"):
            asyncio.run(Connection.open(replace(amqptool_vhost, host="localhost"), timeout=0.05))
    finally:
        over.set()
    assert names == ["localhost"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "is this the AMQP port"),
        (b"\x01\x02\x03\x04\x05\x06\x07\x08", "a frame of 67,438,095 bytes is announced: that is no valid AMQP"),
    ],
)
def test_what_is_no_broker_is_said_so(amqptool_vhost: AmqpUrl, words: bytes, said: str) -> None:
    """Such as the port of a web server, or one whose first bytes happen to begin a frame."""

    async def scenario() -> None:
        async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(words)
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(answer, LOCALHOST, 0) as server:
            port = server.sockets[0].getsockname()[1]
            await Connection.open(replace(amqptool_vhost, host=LOCALHOST, port=port))

    with pytest.raises(BrokerUnavailable, match=said):
        asyncio.run(scenario())


def test_an_address_is_not_looked_up(amqptool_vhost: AmqpUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a resolver that knows no name at all it is connected to."""
    name_addresses(monkeypatch)
    asyncio.run(open_and_close(replace(amqptool_vhost, host=LOCALHOST)))


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "a" * 64])
def test_a_host_that_does_not_exist_is_said_so(amqptool_vhost: AmqpUrl, host: str) -> None:
    """With the words of the matter, not of the resolver; IDNA has no names of empty or long labels."""
    url = replace(amqptool_vhost, host=host)
    with pytest.raises(BrokerUnavailable, match="the host name cannot be resolved"):
        asyncio.run(Connection.open(url))


def test_an_attempt_that_is_cancelled_at_any_turn_is_quiet(
    amqptool_vhost: AmqpUrl, caplog: pytest.LogCaptureFixture
) -> None:
    """Between TCP and the first byte, too, where asyncio closes the transport itself."""

    async def scenario() -> None:
        for turns in range(30):
            attempt = asyncio.create_task(Connection.open(amqptool_vhost))
            for _ in range(turns):
                await asyncio.sleep(0)
            attempt.cancel()
            done = (await asyncio.gather(attempt, return_exceptions=True))[0]
            if isinstance(done, Connection):
                await done.close()
            for _ in range(5):
                await asyncio.sleep(0)

    asyncio.run(scenario())
    assert [record for record in caplog.records if record.name == "asyncio"] == []


@contextmanager
def tls_listener(authority: trustme.CA, *, wants_certificate: bool) -> Iterator[AmqpUrl]:
    """Shake hands with one client, with a certificate for `localhost`; give the URL."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED if wants_certificate else ssl.CERT_NONE

    def shake_hands() -> None:
        client, _ = server.accept()
        with context.wrap_socket(client, server_side=True, do_handshake_on_connect=False) as wrapped:
            with suppress(OSError):
                wrapped.do_handshake()
            while socket.socket.recv(wrapped, 1000):  # else the alert could be lost in a reset
                pass

    with socket.create_server((LOCALHOST, 0)) as server:
        thread = Thread(target=shake_hands)
        thread.start()
        yield AmqpUrl(host="localhost", port=server.getsockname()[1], tls=True)
        thread.join()


def test_a_broker_that_wants_a_client_certificate_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TLS 1.3 lets the client finish its handshake before it is refused."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))

    with (
        tls_listener(authority, wants_certificate=True) as url,
        pytest.raises(ConfigError, match="the broker wants a client certificate"),
    ):
        asyncio.run(open_and_close(url))


def test_a_certificate_of_an_unknown_authority_is_refused() -> None:
    """Nobody is trusted but those whom the system trusts."""

    with (
        tls_listener(trustme.CA(), wants_certificate=False) as url,
        pytest.raises(ConfigError, match="the broker's certificate was refused"),
    ):
        asyncio.run(open_and_close(url))


def test_a_guest_that_is_refused_elsewhere_is_told_why(amqptool_vhost: AmqpUrl) -> None:
    """The broker says the same of a guest from another machine as of a wrong password; 0.0.0.0 leads here, too."""
    elsewhere = replace(amqptool_vhost, host="0.0.0.0", password="wrong")
    with pytest.raises(AccessRefused, match=r"Login was refused.*guest may only connect from the broker's own machine"):
        asyncio.run(open_and_close(elsewhere))
    with pytest.raises(AccessRefused, match=r"see the broker logfile\.$"):
        asyncio.run(open_and_close(replace(elsewhere, host=LOCALHOST)))


def test_tls_on_a_port_without_it_is_told_as_such(amqptool_vhost: AmqpUrl) -> None:
    """As with `amqps://` and the port of `amqp://`; nothing is sent in the open instead."""
    with pytest.raises(ConfigError, match="is this the TLS port"):
        asyncio.run(open_and_close(replace(amqptool_vhost, tls=True)))
