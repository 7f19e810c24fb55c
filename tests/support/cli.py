"""Run the command line as a user does: as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.support.schemas import flaws, log_flaws

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Seconds after which a command hangs.
TIMEOUT = 120

#: For a process whose coverage must not be measured: the measuring imports and writes things itself.
UNMEASURED = {"COVERAGE_PROCESS_CONFIG": ""}


def cli_environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return our environment without AMQP settings; its home is the run's own (see conftest.py)."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AMQP", "RABBITMQ"))}
    return clean | dict(env or {})


def cli_arguments(*args: str, prefix: Sequence[str] = ()) -> list[str]:
    """Return the argument vector of one command line."""
    return [*prefix, sys.executable, "-m", "amqptool", *args]


def run_cli(
    *args: str,
    input: str | None = None,  # noqa: A002 - as subprocess.run has it
    env: Mapping[str, str] | None = None,
    prefix: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    """Run one command line to its end; `prefix` is a command that runs it, such as setpriv.

    What it writes as JSON is as the schema of its command says.
    """
    done = subprocess.run(
        cli_arguments(*args, prefix=prefix),
        input=input,
        stdin=subprocess.DEVNULL if input is None else None,
        env=cli_environment(env),
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
    )
    found = [*flaws(args, done.stdout), *log_flaws(args, env or {}, done.stderr)]
    assert not found, "\n".join(found)
    return done
