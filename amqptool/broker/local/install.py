"""Where RabbitMQ is installed on this machine, and how to install it."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from amqptool.errors import BrokerUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Here distributions keep wrappers that switch to the user `rabbitmq`; the real scripts are elsewhere.
_WRAPPERS = {"/bin", "/sbin", "/usr/bin", "/usr/sbin"}

#: Where packages and archives put the real `rabbitmq-server` script (as globs), first choice first.
SERVER_PLACES = (
    "/usr/lib/rabbitmq/bin",
    "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin",
    "/usr/local/sbin",
    "/opt/homebrew/sbin",
    "/usr/local/opt/rabbitmq/sbin",
    "/opt/homebrew/opt/rabbitmq/sbin",
    "/opt/rabbitmq*/sbin",
)

#: Where Erlang's port mapper is when it is not in PATH.
EPMD_PLACES = (
    "/usr/local/bin",
    "/opt/homebrew/bin",
    "/usr/lib*/erlang/erts-*/bin",
    "/usr/local/lib/erlang/erts-*/bin",
    "/opt/homebrew/opt/erlang/lib/erlang/erts-*/bin",
    "/usr/local/opt/erlang/lib/erlang/erts-*/bin",
)

_INSTALL_LINES = {
    "apt": "sudo apt install rabbitmq-server",
    "dnf": "sudo dnf install rabbitmq-server",
    "brew": "brew install rabbitmq",
}

_FAMILIES = {"debian": "apt", "ubuntu": "apt", "fedora": "dnf", "rhel": "dnf", "centos": "dnf"}


@dataclass(frozen=True, slots=True)
class Installation:
    """The two programs that a node is made of."""

    server: Path
    epmd: Path


def find_installation(
    path: str, *, server_places: Iterable[str] = SERVER_PLACES, epmd_places: Iterable[str] = EPMD_PLACES
) -> Installation | None:
    """Return the RabbitMQ of this machine: the one in PATH, else one from the usual places."""
    folders = [Path(folder) for folder in path.split(os.pathsep) if folder]
    real = (folder for folder in folders if str(folder) not in _WRAPPERS)
    server = _first("rabbitmq-server", chain(real, _expand(server_places)))
    epmd = _first("epmd", chain(folders, _expand(epmd_places)))
    return Installation(server, epmd) if server and epmd else None


def not_installed(platform: str = sys.platform, os_release: Path = Path("/etc/os-release")) -> BrokerUnavailable:
    """Make the error that says how to install RabbitMQ on this system."""
    manager = "brew" if platform == "darwin" else _package_manager(os_release)
    lines = [_INSTALL_LINES[manager]] if manager else list(_INSTALL_LINES.values())
    return BrokerUnavailable(
        "no RabbitMQ is installed here, and no Docker or Podman engine answers; install it:\n  " + "\n  ".join(lines)
    )


def _first(name: str, folders: Iterable[Path]) -> Path | None:
    candidates = (folder / name for folder in folders)
    return next((file for file in candidates if file.is_file() and os.access(file, os.X_OK)), None)


def _expand(patterns: Iterable[str]) -> Iterator[Path]:
    for pattern in patterns:
        yield from sorted(Path("/").glob(pattern.lstrip("/")), key=_version, reverse=True)


def _version(path: Path) -> list[int]:
    """Return the numbers in a path, by which the newest of several versions sorts last."""
    return [int(number) for number in re.findall(r"\d+", str(path))]


def _package_manager(os_release: Path) -> str | None:
    names = _os_names(os_release)
    return next((_FAMILIES[name] for name in names if name in _FAMILIES), None)


def _os_names(os_release: Path) -> list[str]:
    """Return the distribution's id, then those it is like (os-release(5))."""
    if not os_release.is_file():
        return []
    fields = dict(line.split("=", 1) for line in os_release.read_text("utf-8").splitlines() if "=" in line)
    return [name.strip("\"'") for key in ("ID", "ID_LIKE") for name in fields.get(key, "").split()]
