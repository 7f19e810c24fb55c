"""Running commands with a deadline: most in forks of a process that has imported everything, some as a user's are."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.fuzz.case import Case, Outcome
from tests.support.cli import cli_arguments
from tests.support.fork_server import COMMAND_LINE, STDERR, STDIN, STDOUT, ForkServer


class Executor:
    """Runs cases, each in its directory; one that takes longer than `patience` seconds hangs, and is killed."""

    def __init__(self, server: ForkServer, patience: float) -> None:
        self._server, self._patience = server, patience

    def run(self, case: Case, directory: Path, *, as_process: bool) -> Outcome:
        """Run a case."""
        given = {**case.files, STDIN: case.stdin}
        for name, content in {**given, STDOUT: b"", STDERR: b""}.items():
            (directory / name).write_bytes(content)
        process = self._start(case.words, _environ(case, directory), directory, as_process=as_process)
        started = time.monotonic()  # the server's own start is no part of it
        ending = self._server.wait(process, self._patience)
        return Outcome(
            words=case.words,
            code=ending.code,
            stdout=(directory / STDOUT).read_bytes(),
            stderr=(directory / STDERR).read_bytes(),
            left=_left(directory, given),
            seconds=time.monotonic() - started,
            work=ending.work,
            memory=ending.memory,
            is_hung=ending.is_hung,
        )

    def _start(self, words: Sequence[str], env: Mapping[str, str], directory: Path, *, as_process: bool) -> int:
        if not as_process:
            return self._server.start(COMMAND_LINE, words, env=env, folder=directory)
        ours = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONFAULTHANDLER": "1"}
        return self._server.start(f"{__name__}:become", words, env={**env, **ours}, folder=directory)


def become(words: Sequence[str]) -> None:
    """Make this process the command."""
    os.execv(sys.executable, cli_arguments(*words))


def _environ(case: Case, directory: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(directory), "TMPDIR": str(directory), **case.environ}


def _left(directory: Path, given: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files that a command has made or changed, apart from what it has printed."""
    found = {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and path.name not in (STDOUT, STDERR)
    }
    return {name: content for name, content in found.items() if given.get(name) != content}
