"""The URLs of PostgreSQL databases, as libpq reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping


def parameters_of(url: str) -> dict[str, str]:
    """Return what libpq understands by a URL.

    Raises:
        ConfigError: it cannot be used; no part of it is repeated.
    """
    from psycopg import Error
    from psycopg.conninfo import conninfo_to_dict

    try:
        parameters = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    except (Error, UnicodeError):  # the latter where what is escaped is no UTF-8
        parameters = None
    # An @ is left, or a port is no number, where a password was not escaped; libpq would repeat parts of it.
    if parameters is None or "@" in parameters.get("dbname", "") or not _can_be_reached(parameters):
        raise ConfigError(
            "a dedup store's URL cannot be used: postgresql://[USER:PASSWORD@]HOST[:PORT]/DATABASE, "
            "escaped as %40 for @"
        )
    return parameters


def _can_be_reached(parameters: Mapping[str, str]) -> bool:
    """Whether the ports are numbers, and the hosts what a lookup takes.

    A host with a slash is a directory of sockets, and one that begins with an @ is a socket without a file.
    """
    hosts, ports = (parameters.get(name, "").split(",") for name in ("host", "port"))
    if any("@" in host[1:] for host in hosts):
        return False
    try:
        for host in hosts:
            if "/" not in host:
                host.encode("idna")
    except UnicodeError:
        return False
    return all(not port or (port.isascii() and port.isdigit()) for port in ports)


def without_secrets(parameters: Mapping[str, str]) -> str:
    """Return what to call a database: its URL, with neither user nor password."""
    port = f":{parameters['port']}" if parameters.get("port") else ""
    return f"postgresql://{parameters.get('host', '')}{port}/{parameters.get('dbname', '')}"
