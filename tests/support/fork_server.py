"""Processes that begin at once: they are forked from one that has imported everything.

    python -m tests.support.fork_server

It reads lines of JSON: what a process is to do, which is answered with its id, and the id of one that ends, with how.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import pkgutil
import select
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import amqptool
from tests.support.cli import UNMEASURED, cli_environment

#: The program that is the command line; its job is the words.
COMMAND_LINE = "amqptool.cli.root:main"
#: The files of its folder that are a process's streams. There is nothing to read if there is no `stdin`.
STDIN, STDOUT, STDERR = "stdin", "stdout", "stderr"
#: Seconds until a process must have ended that is waited for.
PATIENCE = 60.0
#: Seconds for one that has not, to say where it is.
_LAST_WORDS = 2.0
#: The exit code of a process that raised something; amqptool has no such code.
_RAISED = 99
#: What runs when it is imported, or is for pytest alone.
_NOT_IMPORTED = ("amqptool.__main__", "amqptool.testing")
#: What commands import when they run.
_IMPORTED_LATE = (
    "click._textwrap",
    "aiohttp",
    "pika",
    "yaml",
    "msgpack",
    "psycopg",
    "redis",
    "sqlite3",
    "google.protobuf",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a process has ended, and what it took."""

    #: Its exit code, or below zero the signal.
    code: int
    #: MiB, at the most.
    memory: float
    #: Seconds of a processor, those of its children included.
    work: float
    #: Whether it did not end by itself.
    is_hung: bool = False


class ForkServer:
    """The forking process, as those talk to it who start processes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self, program: str, job: Any, *, env: Mapping[str, str], folder: Path) -> int:
        """Start a program, such as `package.module:function`, with its one argument, and return the process's id.

        The folder is its working directory. What it prints is appended to the files `stdout` and `stderr` there.
        """
        return int(self._ask({"program": program, "job": job, "env": dict(env), "folder": str(folder)}))

    def wait(self, process: int, patience: float = PATIENCE) -> Ending:
        """Wait for the end of a process; one that hangs is made to say where, and is killed."""
        ending = os.pidfd_open(process)
        try:
            is_hung = not _is_readable(ending, patience)
            if is_hung:
                os.kill(process, signal.SIGABRT)
            if is_hung and not _is_readable(ending, _LAST_WORDS):
                os.kill(process, signal.SIGKILL)
            return Ending(**self._ask(process), is_hung=is_hung)
        finally:
            os.close(ending)

    def _ask(self, question: object) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{json.dumps(question)}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@contextmanager
def fork_server() -> Iterator[ForkServer]:
    """Give a server of one's own; what it has started ends with it."""
    command, pipe = [sys.executable, "-m", "tests.support.fork_server"], subprocess.PIPE
    root, env = Path(__file__).parents[2], cli_environment(UNMEASURED)
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, text=True, cwd=root, env=env, start_new_session=True
    ) as process:
        yield ForkServer(process)


def _is_readable(descriptor: int, seconds: float) -> bool:
    return bool(select.select([descriptor], [], [], seconds)[0])


# -- within the server --


def main() -> None:
    """Serve, until nobody asks any more."""
    _import_everything()
    faulthandler.enable(2)
    alive: set[int] = set()
    # Not the streams of this process, which those that are forked take for theirs.
    with os.fdopen(os.dup(0)) as questions, os.fdopen(os.dup(1), "w") as answers:
        for question in map(json.loads, questions):
            answer: object
            if isinstance(question, int):
                alive.discard(question)
                answer = _reap(question)
            else:
                answer = _fork(question)
                alive.add(answer)
            answers.write(f"{json.dumps(answer)}\n")
            answers.flush()
    for process in alive:
        os.kill(process, signal.SIGKILL)
        _reap(process)


def _import_everything() -> None:
    ours = {module.name for module in pkgutil.walk_packages(amqptool.__path__, "amqptool.")}
    for name in (*sorted(ours.difference(_NOT_IMPORTED)), *_IMPORTED_LATE):
        import_module(name)
    gc.collect()
    gc.freeze()  # so that what is shared stays so


def _reap(process: int) -> dict[str, float]:
    """Wait for a process, and end what it leaves behind."""
    os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)  # until it is reaped its id is nobody else's
    with suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)
    _, status, usage = os.wait4(process, 0)
    return {
        "code": os.waitstatus_to_exitcode(status),
        "memory": usage.ru_maxrss / 1024,
        "work": usage.ru_utime + usage.ru_stime,
    }


def _fork(question: dict[str, Any]) -> int:
    child = os.fork()
    if child == 0:
        _become(question)
    return child


def _become(question: dict[str, Any]) -> NoReturn:
    """Be another process, whatever comes of it."""
    code: object = _RAISED
    try:
        _settle(Path(question["folder"]), question["env"])
        pkgutil.resolve_name(question["program"])(question["job"])
        code = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code if isinstance(code, int) else _RAISED)


def _settle(folder: Path, env: Mapping[str, str]) -> None:
    """Give this process its group, its directory, its streams and its environment."""
    os.setsid()
    os.chdir(folder)
    append = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    stdin = STDIN if Path(STDIN).exists() else os.devnull
    for number, (name, flags) in enumerate(((stdin, os.O_RDONLY), (STDOUT, append), (STDERR, append))):
        opened = os.open(name, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(env)


if __name__ == "__main__":
    main()
