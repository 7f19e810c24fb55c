"""Processes that begin at once: they are forked from one that has imported everything.

    python -m tests.faults.crashes.nursery

It reads lines of JSON, answers each job with the id of its process, and each id of a process with its exit code.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.support.cli import cli_environment

#: The files to which processes print.
STDOUT, STDERR = "stdout", "stderr"
#: Seconds until a process must have ended that is waited for.
_PATIENCE = 60.0
#: The exit code of a process that raised something.
_RAISED = 70


class Nursery:
    """The forking process, as tests talk to it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self, program: str, job: Any, *, env: Mapping[str, str], folder: Path) -> int:
        """Start `amqptool` with its words, or a `worker` with its settings, and return the process's id.

        What it prints is appended to the files `stdout` and `stderr` in the folder.
        """
        return self._ask({"program": program, "job": job, "env": dict(env), "folder": str(folder)})

    def wait(self, process: int) -> int:
        """Wait for the end of a process, and return its exit code, or below zero its signal."""
        ending = os.pidfd_open(process)
        try:
            has_ended, _, _ = select.select([ending], [], [], _PATIENCE)
            if not has_ended:
                os.kill(process, signal.SIGKILL)
            code = self._ask(process)
        finally:
            os.close(ending)
        assert has_ended, "the process has not ended by itself"
        return code

    def _ask(self, question: object) -> int:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{json.dumps(question)}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def nursery() -> Iterator[Nursery]:
    """Give a nursery; what it has started ends with it."""
    command, pipe = [sys.executable, "-m", "tests.faults.crashes.nursery"], subprocess.PIPE
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=root, env=cli_environment()) as process:
        yield Nursery(process)


def main() -> None:
    """Serve a test run, to its end."""
    from tests.faults.crashes.worker import PROGRAMS

    alive = set()
    for line in sys.stdin:
        question = json.loads(line)
        if isinstance(question, int):
            answer = os.waitstatus_to_exitcode(os.waitpid(question, 0)[1])
            alive.discard(question)
        else:
            answer = _fork(PROGRAMS[question["program"]], question)
            alive.add(answer)
        print(answer, flush=True)
    for process in alive:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _fork(program: Any, question: dict[str, Any]) -> int:
    child = os.fork()
    if child == 0:
        try:
            _become(question["env"], Path(question["folder"]))
            program(question["job"])
        except SystemExit as error:
            sys.stdout.flush()
            os._exit(error.code if isinstance(error.code, int) else 0)
        except BaseException:
            traceback.print_exc()
            os._exit(_RAISED)
        os._exit(0)
    return child


def _become(env: dict[str, str], folder: Path) -> None:
    os.environ.update(env)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, STDOUT), (2, STDERR)):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT), number)


if __name__ == "__main__":
    main()
