"""A private RabbitMQ that listens for TLS in as many ways as there are to be told apart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from amqptool import AmqpUrl
from amqptool.broker import local
from amqptool.broker.local import RunningNode
from amqptool.broker.local.node import free_port
from amqptool.broker.management import Management
from amqptool.settings.url_options import UrlOptions
from tests.security.certificates import Certificates, make_certificates
from tests.support.ctl import rabbitmqctl

#: What the listeners show, each the certificate of its name.
BAD_CERTIFICATES = ("expired", "wrong-name", "wrong-authority", "self-signed")
_OLD = "{versions, ['tlsv1.1']}"
_MUTUAL = "{verify, verify_peer}, {fail_if_no_peer_cert, true}"


@dataclass(frozen=True)
class TlsNode:
    """The node, its certificates, and the port of each of its TLS listeners."""

    node: RunningNode
    certificates: Certificates
    ports: dict[str, int]

    def url(self, listener: str = "good", **options: str) -> AmqpUrl:
        """Return the URL of a listener, for a client that trusts the authority; files go by their names."""
        files = {name: self.certificates.file(value) for name, value in options.items() if name.endswith("file")}
        given = {"cacertfile": self.certificates.file("ca"), **options, **files}
        port = self.ports.get(listener, self.node.url.port)
        return replace(self.node.url, host="localhost", port=port, tls=True, options=UrlOptions(**given))  # type: ignore[arg-type]

    def https(self, listener: str) -> str:
        """Return the URL of a management API at a listener."""
        return f"https://localhost:{self.ports.get(listener, listener)}"


@contextmanager
def running_tls_node() -> Iterator[TlsNode]:
    """Run the node, with the plugin that takes a certificate for a login, and its user `client`."""
    kinds = ["good", *BAD_CERTIFICATES, "old", "mutual", "management"]
    with local.temporary() as node:
        files = node.directory / "certificates"  # in a chroot, all that the node sees is there
        files.mkdir()
        found = TlsNode(node, make_certificates(files), {kind: free_port() for kind in kinds})
        rabbitmqctl(node, "eval", _set_up(found))
        asyncio.run(_add_user(node))
        yield found


def _set_up(node: TlsNode) -> str:
    """Write the Erlang that opens the listeners, which no restart is needed for."""
    plugins = node.node.directory / "enabled_plugins"
    plugins.write_text("[rabbitmq_management, rabbitmq_auth_mechanism_ssl].\n")
    shown = {kind: kind if kind in ("good", *BAD_CERTIFICATES) else "good" for kind in node.ports}
    settings = {"old": _OLD, "mutual": _MUTUAL, "management": _MUTUAL}

    def options(kind: str) -> str:
        files = {"cacertfile": "ca", "certfile": shown[kind], "keyfile": shown[kind]}
        pairs = [f'{{{name}, "{node.certificates.file(file)}"}}' for name, file in files.items()]
        return ", ".join([*pairs, *([settings[kind]] if kind in settings else [])])

    listeners = [
        f'rabbit_networking:start_ssl_listener({{"127.0.0.1", {port}}}, [{options(kind)}], 1)'
        for kind, port in node.ports.items()
        if kind != "management"
    ]
    management = f'{{ip, "127.0.0.1"}}, {{port, {node.ports["management"]}}}, {options("management")}'
    return ", ".join(
        [
            "application:set_env(rabbit, auth_mechanisms, ['PLAIN', 'EXTERNAL'])",
            "application:set_env(rabbit, ssl_cert_login_from, common_name)",
            f"application:set_env(rabbit, ssl_options, [{_MUTUAL}])",  # without, EXTERNAL refuses everybody
            f'rabbit_plugins:ensure("{plugins}")',
            *listeners,
            f"application:set_env(rabbitmq_management, ssl_config, [{management}])",
            "rabbit_mgmt_app:reset_dispatcher([])",
            "ok.",
        ]
    )


async def _add_user(node: RunningNode) -> None:
    """Add a user who has no password at all."""
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    async with Management.at(node.management_url, node.url) as management:
        await management._request("test", "PUT", "users", "client", json={"password_hash": "", "tags": ""})
        await management._request("test", "PUT", "permissions", "/", "client", json=everything)
