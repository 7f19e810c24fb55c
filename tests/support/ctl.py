"""`rabbitmqctl` for a private node, as its operator would use it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from amqptool.broker.local.install import find_installation

if TYPE_CHECKING:
    from amqptool.broker.local import RunningNode

#: What leads to the node: its name, its port mapper, and the home that holds its cookie.
_KEPT = ("HOME", "PATH", "LC_ALL", "ERL_EPMD_ADDRESS", "ERL_EPMD_PORT", "RABBITMQ_NODENAME", "RABBITMQ_CONF_ENV_FILE")


def rabbitmqctl(node: RunningNode, *words: str) -> str:
    """Run one command, with the settings that the node itself was started with, and return what it tells."""
    installation = find_installation(os.environ.get("PATH", os.defpath))
    assert node.pid is not None
    assert installation is not None
    program = installation.server.parent / "rabbitmqctl"  # the one in PATH may change the user, and lose the cookie
    environ = Path(f"/proc/{node.pid}/environ").read_bytes().decode("utf-8", "surrogateescape")
    settings = dict(part.split("=", 1) for part in environ.split("\0") if "=" in part)
    kept = {name: settings[name] for name in _KEPT if name in settings}
    done = subprocess.run([program, *words], env=kept, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout


def keep_declarations(node: RunningNode) -> None:
    """Write to disk what was declared.

    RabbitMQ does so some seconds after it has said declare-ok (Mnesia's log, as Erlang's disk_log buffers it), and
    for the names of quorum queues up to three minutes after it (rabbitmq/ra#443), so that a SIGKILL in between takes
    a durable queue away, and every confirmed message in it.
    """
    rabbitmqctl(node, "eval", "mnesia:sync_log(), [dets:sync(Table) || Table <- dets:all()].")
