"""Where a line of a report comes from: what runs it again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from amqptool.broker.local.install import find_installation

_ROOT = Path(__file__).parents[2]


def origin(words: Sequence[str], env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return a command, given without its `python -m`, and what it ran with: amqptool's commit, and which RabbitMQ."""
    settings = [f"{name}={value}" for name, value in (env or {}).items()]
    command = " ".join((*settings, "python", "-m", *words))
    return {"command": command, "commit": _commit(), "rabbitmq": _rabbitmq()}


@cache
def _commit() -> str:
    """Return the commit of these files, with a word more if they differ from it."""
    words = ["git", "-C", str(_ROOT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


@cache
def _rabbitmq() -> str:
    installation = find_installation(os.environ.get("PATH", os.defpath))
    assert installation is not None, "no RabbitMQ is installed"
    program = installation.server.parent / "rabbitmqctl"
    return subprocess.run([program, "version"], capture_output=True, text=True, check=True).stdout.strip()
