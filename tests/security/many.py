"""Many command lines, each in a fork of one process that has imported everything: far faster than as many Pythons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.cli import UNMEASURED, cli_environment
from tests.support.fork_server import COMMAND_LINE, STDERR, STDOUT, ForkServer, fork_server


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


def run_many(cases: Iterable[Case]) -> list[Said]:
    """Run command lines one after the other."""
    with fork_server() as server:
        return [_run(server, case) for case in cases]


def _run(server: ForkServer, case: Case) -> Said:
    with TemporaryDirectory() as name:
        folder = Path(name)
        env = cli_environment({**UNMEASURED, **case.env})
        ending = server.wait(server.start(COMMAND_LINE, list(case.words), env=env, folder=folder))
        said = "".join((folder / each).read_bytes().decode("utf-8", "surrogateescape") for each in (STDOUT, STDERR))
    return Said(ending.code, said)
