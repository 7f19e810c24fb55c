"""A private node as processes of this machine: one Erlang VM and its port mapper."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from amqptool.broker.local import process
from amqptool.broker.local.install import Installation, find_installation, not_installed
from amqptool.broker.local.node import LOCALHOST, Record, free_port, is_free, listens, save
from amqptool.errors import BrokerUnavailable, ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: Seconds that the port mapper gets to listen.
_EPMD_TIMEOUT = 10.0

# All else is left out, so that no RABBITMQ_* or Erlang setting of the user's reaches this node.
_INHERITED = ("PATH", "TMPDIR", "TZ", "LD_LIBRARY_PATH")

# RabbitMQ's disk monitor gives the path to a shell unquoted or half quoted, and the boot hangs.
_UNUSABLE = "'\"$`\\\n"

_CONFIGURATION = """\
listeners.tcp.1 = {host}:{port}
management.tcp.ip = {host}
management.tcp.port = {management_port}
disk_free_limit.absolute = 50MB
"""


class Native:
    """Runs nodes of the RabbitMQ that is installed here."""

    def boot(self, directory: Path, record: Record) -> Record:
        """Start the port mapper, then the VM, and write down each as soon as it exists."""
        installation = find_installation(os.environ.get("PATH", os.defpath))
        if installation is None:
            raise not_installed()
        _refuse_unusable(directory)
        _refuse_taken_ports(record)
        _write_files(directory, record)
        return _start_processes(directory, record, installation)

    def alive(self, directory: Path, record: Record) -> bool:
        """Return whether the VM runs."""
        del directory
        return record.node is not None and record.node.alive

    def stop(self, directory: Path, record: Record, timeout: float) -> None:
        """Let RabbitMQ shut down in order, then end the port mapper."""
        if record.node:
            process.terminate(record.node, timeout)
        self.kill(directory, record)

    def kill(self, directory: Path, record: Record) -> None:
        """Kill the VM, then the port mapper."""
        del directory
        for part in (record.node, record.epmd):
            if part:
                process.kill(part)

    def discard(self, directory: Path) -> None:
        """Do nothing: all data is in the directory."""

    def log(self, directory: Path) -> tuple[list[str], str]:
        """Read the file that holds the VM's output and RabbitMQ's log."""
        file = _log_file(directory)
        lines = file.read_text("utf-8", errors="backslashreplace").splitlines() if file.exists() else []
        return lines, str(file)


def _refuse_unusable(directory: Path) -> None:
    if unusable := [character for character in str(directory) if character in _UNUSABLE]:
        raise ConfigError(
            f"RabbitMQ cannot boot in {directory}, because of the {unusable[0]!r}; choose another directory"
        )


def _refuse_taken_ports(record: Record) -> None:
    for port in (record.port, record.management_port):
        if not is_free(port):
            raise BrokerUnavailable(f"port {port} of {LOCALHOST}, where the node is to listen, is in use")


def _write_files(directory: Path, record: Record) -> None:
    (directory / "data").mkdir(exist_ok=True)
    (directory / "log").mkdir(exist_ok=True)
    (directory / "enabled_plugins").write_text("[rabbitmq_management].\n", "ascii")
    configuration = _CONFIGURATION.format(host=LOCALHOST, port=record.port, management_port=record.management_port)
    (directory / "rabbitmq.conf").write_text(configuration, "ascii")
    if _log_file(directory).exists():
        _log_file(directory).replace(directory / "log" / "previous.log")


def _start_processes(directory: Path, record: Record, installation: Installation) -> Record:
    epmd_port = free_port()
    environ = _environment(directory, record, epmd_port)
    # Our own, in the foreground: one that the VM starts would daemonize and outlive it, unknown to us.
    with process.undisturbed():
        epmd = _spawn(directory, installation.epmd, environ, "epmd.log")
        record = save(directory, replace(record, epmd=epmd))
    process.wait_until(lambda: listens(epmd_port) or not epmd.alive, _EPMD_TIMEOUT)
    if not epmd.alive:
        raise BrokerUnavailable(f"Erlang's port mapper does not run; see {directory / 'log' / 'epmd.log'}")
    with process.undisturbed():
        node = _spawn(directory, installation.server, environ, "node.log")
        return save(directory, replace(record, node=node))


def _spawn(directory: Path, program: Path, environ: Mapping[str, str], log: str) -> process.Process:
    return process.spawn([str(program)], environ=environ, directory=directory, log=directory / "log" / log)


def _environment(directory: Path, record: Record, epmd_port: int) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return inherited | {
        "HOME": str(directory),  # of the Erlang cookie
        "LC_ALL": "C.UTF-8",
        "ERL_CRASH_DUMP": str(directory / "log/erl_crash.dump"),
        "ERL_EPMD_ADDRESS": LOCALHOST,
        "ERL_EPMD_PORT": str(epmd_port),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(directory / "advanced.config"),
        # With it the script becomes the VM instead of waiting for it: one process, one pid. The VM must
        # then be told by us that nobody types.
        "RABBITMQ_ALLOW_INPUT": "true",
        "RABBITMQ_SERVER_START_ARGS": "-noinput",
        "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": str(directory / "rabbitmq-env.conf"),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "enabled_plugins"),
        "RABBITMQ_FEATURE_FLAGS_FILE": str(directory / "feature_flags"),
        "RABBITMQ_LOG_BASE": str(directory / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_MNESIA_BASE": str(directory / "data"),
        "RABBITMQ_NODENAME": record.name,
        "RABBITMQ_PLUGINS_EXPAND_DIR": str(directory / "plugins"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
    }


def _log_file(directory: Path) -> Path:
    return directory / "log" / "node.log"
