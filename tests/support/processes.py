"""Who still runs, running as somebody else, and not running any more."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def die() -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def processes_of(directory: Path) -> list[str]:
    """Return the command lines of all processes whose environment names a node's directory."""
    needle = os.fsencode(f"HOME={directory}\0")
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if needle in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text("utf-8", "replace"))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


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
