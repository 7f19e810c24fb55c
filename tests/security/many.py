"""Run many command lines, each in a fork of one process that has imported everything: far faster than as many Pythons.

    python -m tests.security.many < CASES

A case is a line of JSON, `{"words": […], "env": {…}}`; so is each answer, `{"code": 0, "said": "…"}`.
"""

from __future__ import annotations

import json
import os
import pkgutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, NoReturn

from tests.support.cli import UNMEASURED, cli_environment

#: What runs when it is imported, or is for pytest alone.
NOT_IMPORTED = ("amqptool.__main__", "amqptool.testing")


@dataclass(frozen=True)
class Case:
    """A command line and its settings."""

    words: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Said:
    """What a command line came to: its exit code, and all that it wrote to stdout and stderr."""

    code: int
    said: str


def run_many(cases: Iterable[Case], *, timeout: float = 100) -> list[Said]:
    """Run command lines one after the other."""
    lines = "".join(f"{json.dumps({'words': list(case.words), 'env': dict(case.env)})}\n" for case in cases)
    command = [sys.executable, "-m", "tests.security.many"]
    done = subprocess.run(
        command,
        input=lines,
        env=cli_environment(UNMEASURED),
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr
    return [Said(**json.loads(line)) for line in done.stdout.splitlines()]


def _child(case: Mapping[str, Any], output: int) -> NoReturn:
    from amqptool.cli.root import main

    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.update(case["env"])
    try:
        main(case["words"])
    except SystemExit as ended:
        os._exit(int(ended.code or 0))
    finally:
        os._exit(99)


def _run(case: Mapping[str, Any]) -> Said:
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if child == 0:
            _child(case, output.fileno())
        _, status = os.waitpid(child, 0)
        output.seek(0)
        return Said(os.waitstatus_to_exitcode(status), output.read().decode("utf-8", "surrogateescape"))


def _main() -> None:
    import amqptool

    for module in pkgutil.walk_packages(amqptool.__path__, "amqptool."):
        if module.name not in NOT_IMPORTED:
            import_module(module.name)
    for name in ("aiohttp", "psycopg", "redis"):
        import_module(name)
    for line in sys.stdin.readlines():
        print(json.dumps(vars(_run(json.loads(line)))), flush=True)


if __name__ == "__main__":
    _main()
