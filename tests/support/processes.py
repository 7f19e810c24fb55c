"""Who still runs, running as somebody else, and not running any more."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def die() -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def processes_with(variable: str, value: str) -> list[int]:
    """Return the ids of the processes that have a variable in their environment, in the order of their ids."""
    needle = os.fsencode(f"\0{variable}={value}\0")
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            if needle in b"\0" + (process / "environ").read_bytes():
                found.append(int(process.name))
    return sorted(found)


def processes_of(directory: Path) -> list[int]:
    """Return the ids of the processes of the node in a directory."""
    return processes_with("HOME", str(directory))


def run_or_end(command: Sequence[str], *, timeout: float) -> tuple[int, str, str]:
    """Run a command that has processes of its own, and return its exit code, and what it wrote to stdout and stderr.

    One that takes too long is asked to end, so that it ends those too.
    """
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.communicate()
            raise
    return process.returncode, stdout, stderr


@contextmanager
def ordinary_user() -> Iterator[tuple[list[str], Path]]:
    """Give a prefix that runs a command as a user without rights, and a directory of that user's."""
    directory = Path(tempfile.mkdtemp(prefix="amqptool-user-"))
    try:
        if os.geteuid() != 0:
            yield [], directory
            return
        nobody = pwd.getpwnam("nobody")
        os.chown(directory, nobody.pw_uid, nobody.pw_gid)
        ids = [f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
        yield ["setpriv", *ids, *_may_read(Path(sys.executable), Path(__file__))], directory
    finally:
        shutil.rmtree(directory)


def _may_read(*files: Path) -> list[str]:
    """Let the user read (only read) a Python or a checkout that is in root's own home."""
    folders = {folder for file in files for folder in file.resolve().parents}
    if all(folder.stat().st_mode & 0o001 for folder in folders):
        return []
    return ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
