"""Running a command with a deadline: in a fork of this process, which has imported everything, or as one of its own."""

from __future__ import annotations

import os
import select
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from amqptool.cli.root import main
from tests.fuzz.case import Case, Outcome
from tests.support.cli import cli_arguments

#: Seconds for the traceback of one that hangs.
LAST_WORDS = 2


def execute(case: Case, directory: Path, *, patience: float, as_process: bool) -> Outcome:
    """Run a case in its directory; after so many seconds it hangs, and is killed."""
    for name, content in {**case.files, "stdin": case.stdin}.items():
        (directory / name).write_bytes(content)
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _run(case, directory, as_process=as_process)
    is_hung = not _has_ended(pid, patience)
    if is_hung:
        os.kill(pid, signal.SIGABRT)  # which makes it say where it is
        _has_ended(pid, LAST_WORDS)
        os.killpg(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    return Outcome(
        words=case.words,
        code=os.waitstatus_to_exitcode(status),
        stdout=(directory / "stdout").read_bytes(),
        stderr=(directory / "stderr").read_bytes(),
        seconds=time.monotonic() - started,
        memory=usage.ru_maxrss / 1024,
        is_hung=is_hung,
    )


def _has_ended(pid: int, seconds: float) -> bool:
    descriptor = os.pidfd_open(pid)
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


def _run(case: Case, directory: Path, *, as_process: bool) -> NoReturn:
    """Run the command in this process, which ends here."""
    code = -1
    try:
        _settle(directory)
        environ = {"PATH": os.environ["PATH"], "HOME": str(directory), "TMPDIR": str(directory), **case.environ}
        _exec(case.words, environ) if as_process else _call(case.words, environ)
    except SystemExit as end:
        code = int(end.code or 0)
    finally:  # whatever it is, it must not go on as the fuzzer
        os._exit(code)


def _settle(directory: Path) -> None:
    """Give this process the directory, its standard streams, and a session of its own."""
    os.setsid()
    os.chdir(directory)
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        flags = os.O_RDONLY if descriptor == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(name, flags, 0o600), descriptor)


def _exec(words: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    ours = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONFAULTHANDLER": "1"}
    os.execve(sys.executable, cli_arguments(*words), {**environ, **ours})


def _call(words: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    os.environ.clear()
    os.environ.update(environ)
    tempfile.tempdir = None  # found out anew
    main(words)
