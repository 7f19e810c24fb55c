"""Running commands with a deadline: most in a process that runs one after the other, some as processes of their own."""

from __future__ import annotations

import logging
import os
import pickle
import resource
import select
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from amqptool.cli.root import main
from tests.fuzz.case import Case, Outcome
from tests.support.cli import cli_arguments

#: Seconds for the traceback of one that hangs.
LAST_WORDS = 2
#: How many cases one process runs, so that what they leave in it does not add up.
CASES_EACH = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ending:
    code: int
    #: Kilobytes.
    memory: int
    is_hung: bool = False


class Executor:
    """Runs cases, each in its directory; one that takes longer than `patience` seconds hangs, and is killed."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._runner: _Runner | None = None

    def run(self, case: Case, directory: Path, *, as_process: bool) -> Outcome:
        """Run a case."""
        for name, content in {**case.files, "stdin": case.stdin}.items():
            (directory / name).write_bytes(content)
        environ = {"PATH": os.environ["PATH"], "HOME": str(directory), "TMPDIR": str(directory), **case.environ}
        started = time.monotonic()
        ending = (self._run_alone if as_process else self._run_here)(case.words, environ, directory)
        return Outcome(
            words=case.words,
            code=ending.code,
            stdout=(directory / "stdout").read_bytes(),
            stderr=(directory / "stderr").read_bytes(),
            seconds=time.monotonic() - started,
            memory=ending.memory / 1024,
            is_hung=ending.is_hung,
        )

    def _run_alone(self, words: Sequence[str], environ: Mapping[str, str], directory: Path) -> _Ending:
        pid = os.fork()
        if pid == 0:
            _become(words, environ, directory)
        is_hung = not _is_readable(os.pidfd_open(pid), self._patience)
        return _ended(pid, is_hung=is_hung)

    def _run_here(self, words: Sequence[str], environ: Mapping[str, str], directory: Path) -> _Ending:
        runner = self._runner or _Runner()
        ending = runner.run(words, environ, directory, self._patience)
        self._runner = runner if runner.left else None
        return ending


class _Runner:
    """A fork of this process, which has imported everything; it runs commands as the only thing that it does."""

    def __init__(self) -> None:
        self.left = CASES_EACH
        for_tasks, tasks = os.pipe()
        replies, for_replies = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(tasks)  # else it would never see its end
            os.close(replies)
            _serve(for_tasks, for_replies)
        os.close(for_tasks)
        os.close(for_replies)
        self._tasks, self._replies = os.fdopen(tasks, "wb"), os.fdopen(replies, "rb")

    def run(self, words: Sequence[str], environ: Mapping[str, str], directory: Path, patience: float) -> _Ending:
        """Run a command; nothing is left to run here when it has ended the process."""
        pickle.dump((words, environ, directory), self._tasks)
        self._tasks.flush()
        self.left -= 1
        is_hung = not _is_readable(os.dup(self._replies.fileno()), patience)
        ending = None if is_hung else self._reply()
        if ending is None or not self.left:
            self.left = 0
            self._tasks.close()
            self._replies.close()
            end = _ended(self._pid, is_hung=is_hung)
            ending = ending or end
        return ending

    def _reply(self) -> _Ending | None:
        try:
            code, memory = pickle.load(self._replies)
        except EOFError:
            return None
        return _Ending(code=code, memory=memory)


def _serve(tasks: int, replies: int) -> NoReturn:
    """Run one command after the other in this process, until there are no more or one of them ends it."""
    code = 0
    try:
        os.setsid()
        with os.fdopen(tasks, "rb") as read, os.fdopen(replies, "wb") as write:
            while True:
                words, environ, directory = pickle.load(read)
                code = -1  # of a process that ends in some way of its own
                pickle.dump(
                    (_call(words, environ, directory), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss), write
                )
                write.flush()
    finally:  # whatever it is, it must not go on as the fuzzer
        os._exit(code)


def _call(words: Sequence[str], environ: Mapping[str, str], directory: Path) -> int:
    """Run a command as if it were the first in this process."""
    _settle(directory)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w"), os.fdopen(os.dup(2), "w")
    for name in (None, "amqptool", "pika"):
        logger = logging.getLogger(name)
        logger.handlers = [each for each in logger.handlers if isinstance(each, logging.NullHandler)]
        logger.propagate = True
    os.environ.clear()
    os.environ.update(environ)
    tempfile.tempdir = None
    try:
        main(words)
    except SystemExit as end:
        return int(end.code or 0)


def _become(words: Sequence[str], environ: Mapping[str, str], directory: Path) -> NoReturn:
    """Make this process the command."""
    ours = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONFAULTHANDLER": "1"}
    try:
        os.setsid()
        _settle(directory)
        os.execve(sys.executable, cli_arguments(*words), {**environ, **ours})
    finally:
        os._exit(-1)


def _settle(directory: Path) -> None:
    """Give this process the directory, and its standard streams."""
    os.chdir(directory)
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        flags = os.O_RDONLY if descriptor == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        opened = os.open(name, flags, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)


def _is_readable(descriptor: int, seconds: float) -> bool:
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


def _ended(pid: int, *, is_hung: bool) -> _Ending:
    """Wait for a process, and end what it leaves behind; one that hangs is made to say where."""
    if is_hung:
        os.kill(pid, signal.SIGABRT)
        _is_readable(os.pidfd_open(pid), LAST_WORDS)
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    return _Ending(code=os.waitstatus_to_exitcode(status), memory=usage.ru_maxrss, is_hung=is_hung)
