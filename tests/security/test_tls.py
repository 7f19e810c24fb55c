"""TLS to a real RabbitMQ: what cannot be trusted is refused with its reason, and nothing is ever sent in the clear."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from struct import Struct
from threading import Thread

import pytest

from amqptool import AmqpUrl, BrokerUnavailable, ConfigError
from amqptool.broker.amqp import connect
from amqptool.settings.url_options import UrlOptions
from tests.security.tls_node import TlsNode
from tests.support.cli import run_cli

#: The beginning of each record: its type, version and length (RFC 8446 5.1).
_RECORD = Struct(">BHH")
_HANDSHAKE = 22
LOOK = ("consume", "amqptool-nothing", "-n", "1")
#: Each listener that must not be trusted, and what is said of it.
REASONS = {
    "expired": "certificate was refused: certificate has expired",
    "wrong-name": "certificate was refused: Hostname mismatch, certificate is not valid for 'localhost'",
    "wrong-authority": "certificate was refused: unable to get local issuer certificate",
    "self-signed": "certificate was refused: self-signed certificate",
    "old": "does not speak TLS 1.2 or later",
}


def external(url: AmqpUrl) -> AmqpUrl:
    """Return the URL for a client that has nothing but its certificate."""
    return replace(url, username="", password="", options=replace(url.options, auth_mechanism="external"))


async def connects(url: AmqpUrl) -> None:
    """Connect and close."""
    async with connect(url):
        pass


def test_a_certificate_that_is_good_is_taken(tls_node: TlsNode) -> None:
    """Signed by an authority that we trust, valid, and for this name."""
    asyncio.run(connects(tls_node.url()))


@pytest.mark.parametrize("listener", REASONS)
def test_what_cannot_be_trusted_is_refused(tls_node: TlsNode, listener: str) -> None:
    """That is exit 78, in one line, with the reason."""
    done = run_cli(*LOOK, env={"AMQPTOOL_URL": tls_node.url(listener).reveal()})
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (78, "", 1)
    assert REASONS[listener] in done.stderr


@pytest.mark.parametrize("listener", REASONS)
def test_nor_is_a_management_api_that_cannot_be_trusted(tls_node: TlsNode, listener: str) -> None:
    """No user and password are sent to it; the handshake fails before there is any HTTP."""
    env = {"AMQPTOOL_URL": tls_node.url().reveal(), "AMQPTOOL_MANAGEMENT_URL": tls_node.https(listener)}
    done = run_cli("export", env=env)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (78, "", 1)
    assert REASONS[listener] in done.stderr


def test_the_authorities_of_the_system_do_not_know_ours(tls_node: TlsNode) -> None:
    """Without `cacertfile` a private authority is nobody's."""
    with pytest.raises(ConfigError, match="certificate was refused"):
        asyncio.run(connects(replace(tls_node.url(), options=UrlOptions())))


def test_tls_to_a_port_without_is_refused(tls_node: TlsNode) -> None:
    """It is exit 78, and not tried again in the clear."""
    done = run_cli(*LOOK, env={"AMQPTOOL_URL": tls_node.url("without").reveal()})
    assert (done.returncode, "TLS failed: is this the TLS port?" in done.stderr) == (78, True)


def test_no_tls_to_a_port_with_it_is_refused(tls_node: TlsNode) -> None:
    """It is exit 69, and the hint names the scheme."""
    url = replace(tls_node.url(), tls=False, options=UrlOptions())
    done = run_cli(*LOOK, env={"AMQPTOOL_URL": url.reveal()})
    assert (done.returncode, "one for TLS takes amqps://" in done.stderr) == (69, True)


@pytest.mark.parametrize(("scheme", "port", "code"), [("http", "management", 69), ("https", "plain", 78)])
def test_the_schemes_of_a_management_api_are_not_mixed(tls_node: TlsNode, scheme: str, port: str, code: int) -> None:
    """Neither is the other, and neither is tried in the place of the other."""
    plain = tls_node.node.management_url.rsplit(":", 1)[1]
    address = f"{scheme}://localhost:{plain if port == 'plain' else tls_node.ports[port]}"
    env = {"AMQPTOOL_URL": tls_node.url().reveal(), "AMQPTOOL_MANAGEMENT_URL": address}
    assert run_cli("export", env=env).returncode == code


def test_nothing_but_a_handshake_is_sent_to_a_peer_that_has_no_certificate() -> None:
    """What comes to a port that hangs up is the beginning of TLS, once, and nothing after it."""
    heard: list[tuple[int, bytes]] = []

    def hang_up() -> None:
        while True:
            client, _ = server.accept()
            with client, client.makefile("rb") as words:
                start = words.read(_RECORD.size)
                if not start:  # the test's own, its last
                    return
                kind, _, length = _RECORD.unpack(start)
                words.read(length)
                client.shutdown(socket.SHUT_WR)
                heard.append((kind, words.read()))

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        thread = Thread(target=hang_up)
        thread.start()
        with pytest.raises(BrokerUnavailable):
            asyncio.run(connects(AmqpUrl(host="127.0.0.1", port=port, tls=True)))
        socket.create_connection(("127.0.0.1", port)).close()
        thread.join()
    assert heard == [(_HANDSHAKE, b"")]


def test_a_client_certificate_is_shown(tls_node: TlsNode) -> None:
    """A broker that wants one lets its holder in."""
    asyncio.run(connects(tls_node.url("mutual", certfile="client")))


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "the broker wants a client certificate"),
        ({"certfile": "strange-client"}, "refused our certificate: its authority is not trusted there"),
        ({"certfile": "expired"}, "refused our certificate: it has expired"),
    ],
)
def test_without_the_right_client_certificate_nobody_gets_in(
    tls_node: TlsNode, files: dict[str, str], reason: str
) -> None:
    """The reason is told although the broker resets the connection faster than it can be read (TLS 1.3)."""
    for _ in range(5):
        with pytest.raises(ConfigError, match=reason):
            asyncio.run(connects(tls_node.url("mutual", **files)))


def test_a_certificate_is_a_login(tls_node: TlsNode) -> None:
    """With EXTERNAL no password is sent: the certificate names the user, who has none."""
    done = run_cli(*LOOK, env={"AMQPTOOL_URL": external(tls_node.url("mutual", certfile="client")).reveal()})
    assert (done.returncode, "no queue 'amqptool-nothing'" in done.stderr) == (1, True)


def test_a_certificate_that_names_no_user_is_no_login(tls_node: TlsNode) -> None:
    """It is exit 77, and the certificate is named."""
    done = run_cli(*LOOK, env={"AMQPTOOL_URL": external(tls_node.url("mutual", certfile="good")).reveal()})
    assert done.returncode == 77
    assert "as the user of certificate '" in done.stderr


def test_a_broker_that_takes_no_certificate_as_a_login_is_told(tls_node: TlsNode) -> None:
    """A listener that does not ask for certificates offers EXTERNAL to nobody: exit 77."""
    done = run_cli(*LOOK, env={"AMQPTOOL_URL": external(tls_node.url(certfile="client")).reveal()})
    assert done.returncode == 77


def test_a_management_api_is_shown_the_certificate_too(tls_node: TlsNode) -> None:
    """It takes a user and a password beside it."""
    env = {
        "AMQPTOOL_URL": tls_node.url(certfile="client").reveal(),
        "AMQPTOOL_MANAGEMENT_URL": tls_node.https("management"),
    }
    assert run_cli("export", env=env).returncode == 0
    env["AMQPTOOL_URL"] = tls_node.url().reveal()
    assert run_cli("export", env=env).returncode in (69, 78)  # a reset may be faster than the reason of it


def test_a_certificate_is_no_login_for_the_management_api(tls_node: TlsNode) -> None:
    """A URL without a user and a password says so, and no default is sent in their place."""
    env = {
        "AMQPTOOL_URL": external(tls_node.url("mutual", certfile="client")).reveal(),
        "AMQPTOOL_MANAGEMENT_URL": tls_node.https("management"),
    }
    done = run_cli("export", env=env)
    assert (done.returncode, "takes no certificate as a login" in done.stderr) == (77, True)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"cacertfile": "absent"}, "cacertfile '{}/absent.pem' of the broker URL: No such file or directory"),
        ({"certfile": "absent"}, "certfile '{}/absent.pem' of the broker URL: No such file or directory"),
        ({"certfile": "ca"}, "certfile '{}/ca.pem' of the broker URL: no usable PEM there"),
        ({"certfile": "client", "keyfile": "good"}, "of the broker URL: the key is not the certificate's"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tls_node: TlsNode, files: dict[str, str], reason: str) -> None:
    """That is exit 78, before anything is sent."""
    done = run_cli(*LOOK, env={"AMQPTOOL_URL": tls_node.url(**files).reveal()})
    assert done.returncode == 78
    assert reason.format(tls_node.certificates.directory) in done.stderr
