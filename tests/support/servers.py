"""Private Redis and PostgreSQL servers, in directories and on ports of their own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import redis

from tests.support.processes import ordinary_user

PASSWORD = "s3cret"
#: Seconds that a server may take to start.
_START = 60


class PrivateServer:
    """A server that can be stopped and started; it ends with its parent, if not before."""

    def __init__(self, command: list[str], log: Path, port: int, answers: Callable[[], object]) -> None:
        self.port = port
        self._command = command
        self._log = log
        self._answers = answers
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it was started, and not stopped since."""
        return self._process is not None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + _START
        while True:
            try:
                self._answers()
                return
            except (psycopg.OperationalError, redis.RedisError, subprocess.CalledProcessError):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(self._log.read_text("utf-8", "replace")) from None
                time.sleep(0.02)

    def stop(self, sign: signal.Signals = signal.SIGINT) -> None:
        """Stop it: in good order, or as a crash would with SIGQUIT (PostgreSQL) or SIGKILL (others)."""
        if self._process is not None:
            self._process.send_signal(sign)
            self._process.wait(_START)
            self._process = None

    def signal(self, sign: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process
        self._process.send_signal(sign)

    def restart(self) -> None:
        """Stop it and start it again."""
        self.stop()
        self.start()


class PrivateRedis(PrivateServer):
    """A Redis that writes everything to its disk."""

    @property
    def url(self) -> str:
        """Return where it is."""
        return f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"


class PrivatePostgresql(PrivateServer):
    """A PostgreSQL."""

    @property
    def url(self) -> str:
        """Return where it is."""
        return f"postgresql://amqptool:{PASSWORD}@127.0.0.1:{self.port}/postgres"


@contextmanager
def private_redis() -> Iterator[PrivateRedis]:
    """Run a Redis."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="amqptool-redis-") as directory:
        options = {
            "bind": "127.0.0.1",
            "requirepass": PASSWORD,
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        command = [*until_parent_ends(), "redis-server", "--port", str(port), "--dir", directory, *words]
        server = PrivateRedis(command, Path(directory, "log"), port, lambda: _ping(server.url))
        with running(server):
            yield server


@contextmanager
def private_postgresql() -> Iterator[PrivatePostgresql]:
    """Run a PostgreSQL, as a user without rights, which it insists on."""
    port = free_port()
    with ordinary_user() as (prefix, directory):
        data, password = directory / "data", directory / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        setup = [_program("initdb"), "--pgdata", str(data), "--username", "amqptool", "--auth", "scram-sha-256"]
        setup += ["--pwfile", str(password), "--encoding", "UTF8", "--locale", "C", "--no-sync"]
        subprocess.run([*prefix, *setup], check=True, capture_output=True, cwd=directory)
        command = [*(prefix or ["setpriv"]), *until_parent_ends()[1:], _program("postgres"), "-D", str(data)]
        command += ["-p", str(port), "-k", str(directory), "-c", "listen_addresses=127.0.0.1"]
        server = PrivatePostgresql(command, directory / "log", port, lambda: psycopg.connect(server.url).close())
        with running(server):
            yield server


@contextmanager
def fresh_schema(server: PrivatePostgresql) -> Iterator[str]:
    """Give the URL of a schema that nobody has used, and drop it afterwards."""
    schema = f"test_{uuid4().hex}"
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    yield f"{server.url}?options=-csearch_path%3D{schema}"
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("SET client_min_messages = warning")
        connection.execute(f"DROP SCHEMA {schema} CASCADE")


@contextmanager
def empty_redis(server: PrivateRedis) -> Iterator[str]:
    """Give the URL of a server that holds nothing."""
    with contextlib.closing(redis.Redis.from_url(server.url)) as client:
        client.flushall()
    yield server.url


@contextmanager
def running(server: PrivateServer) -> Iterator[None]:
    """Let a server run for the length of a block."""
    try:
        server.start()
        yield
    finally:
        server.stop()


def _ping(url: str) -> None:
    with contextlib.closing(redis.Redis.from_url(url)) as client:
        client.ping()


def until_parent_ends() -> list[str]:
    """Return the words before a command that let it end with us."""
    return ["setpriv", "--pdeathsig", "INT"]


def _program(name: str) -> str:
    """Return where a program of PostgreSQL is: Debian has it beside the path."""
    found = shutil.which(name) or max(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), default=None)
    assert found, f"{name} is not installed"
    return os.path.realpath(found)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
