"""A private etcd, in a directory and on ports of its own."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.security.certificates import Certificates
from tests.support.servers import PrivateServer, free_port, running, until_parent_ends

#: The key under which tests keep a broker's URL.
KEY = "/shop/production/rabbitmq/url"


class PrivateEtcd(PrivateServer):
    """An etcd of one member."""

    #: What etcdctl needs to trust it.
    tls: Sequence[str] = ()

    @property
    def endpoint(self) -> str:
        """Return where it is."""
        return f"localhost:{self.port}"

    @property
    def url(self) -> str:
        """Return what a setting says of the key of tests."""
        return f"etcd://{self.endpoint}{KEY}"

    def ctl(self, *words: str, login: str | None = None) -> str:
        """Run etcdctl to its end; `login` is user:password."""
        user = ["--user", login] if login else []
        command = ["etcdctl", "--endpoints", self.endpoint, *self.tls, *user, *words]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
        return done.stdout

    def put(self, value: str, key: str = KEY) -> None:
        """Write a value, as an operator does who moves a broker."""
        self.ctl("put", key, value)


@contextmanager
def private_etcd(certificates: Certificates | None = None) -> Iterator[PrivateEtcd]:
    """Run an etcd, with TLS if there are certificates."""
    port, peers = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="amqptool-etcd-") as directory:
        clients, others = f"http{'s' if certificates else ''}://127.0.0.1:{port}", f"http://127.0.0.1:{peers}"
        settings = {
            "data-dir": directory,
            "listen-client-urls": clients,
            "advertise-client-urls": clients,
            "listen-peer-urls": others,
            "initial-advertise-peer-urls": others,
            "initial-cluster": f"default={others}",
        }
        if certificates:
            settings |= {"cert-file": certificates.file("good"), "key-file": certificates.file("good")}
        words = [word for name, value in settings.items() for word in (f"--{name}", value)]
        command = [*until_parent_ends(), "etcd", *words]
        server = PrivateEtcd(command, Path(directory, "log"), port, lambda: server.ctl("endpoint", "health"))
        if certificates:
            server.tls = ["--cacert", certificates.file("ca")]
        with running(server):
            yield server


@contextmanager
def empty_etcd(server: PrivateEtcd) -> Iterator[PrivateEtcd]:
    """Give a server that holds nothing; it is started, if a test has stopped it."""
    server.ctl("del", "", "--prefix")
    yield server
    if not server.is_running:
        server.start()


@contextmanager
def guarded(server: PrivateEtcd, user: str, password: str) -> Iterator[None]:
    """Let in nobody but root and one user, who may read the key of tests, and nothing else."""
    root = f"root:{password}"
    server.ctl("user", "add", root)
    server.ctl("user", "grant-role", "root", "root")
    server.ctl("user", "add", f"{user}:{password}")
    server.ctl("role", "add", "reader")
    server.ctl("role", "grant-permission", "reader", "read", KEY)
    server.ctl("user", "grant-role", user, "reader")
    server.ctl("auth", "enable")
    try:
        yield
    finally:
        server.ctl("auth", "disable", login=root)
        for each in ("root", user):
            server.ctl("user", "delete", each)
        server.ctl("role", "delete", "reader")
