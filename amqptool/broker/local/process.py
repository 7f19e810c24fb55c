"""Detached processes, and knowing one again later."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

#: Seconds between two looks at something that is about to happen.
POLL_INTERVAL = 0.05

#: Seconds after SIGKILL in which the kernel has surely cleaned up.
_KILL_TIMEOUT = 10.0

# A program started by Python would otherwise inherit what Python, or a shell's `&`, ignores.
_DEFAULT_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE)


@dataclass(frozen=True, slots=True)
class Process:
    """A process as it can be found again, by another process and after a reboot."""

    pid: int
    #: When it started, as the system tells it: the same pid with another mark is another process.
    started: str

    @property
    def alive(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        _reap(self.pid)
        return start_mark(self.pid) == self.started


def start_mark(pid: int) -> str | None:
    """Return when a process started, or None if it does not run."""
    return _mark_from_proc(pid) if Path("/proc/self/stat").exists() else _mark_from_ps(pid)


def spawn(arguments: Sequence[str], *, environ: Mapping[str, str], directory: Path, log: Path) -> Process:
    """Start a program that outlives us: a session of its own, its output in a log file."""
    # posix_spawn cannot change the directory. A node that kept ours would pin a mount, or lose a
    # directory that is removed.
    shell = ["/bin/sh", "-c", 'cd "$0" && exec "$@"', str(directory), *arguments]
    with log.open("ab") as output:
        pid = os.posix_spawn(
            shell[0],
            shell,
            dict(environ),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, output.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, output.fileno(), 2),
            ],
            setsid=True,
            setsigmask=[],
            setsigdef=_DEFAULT_SIGNALS,
        )
    return Process(pid, start_mark(pid) or "")


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Put off the signals that would end us, so that no process is started and then forgotten."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _DEFAULT_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def terminate(process: Process, timeout: float) -> None:
    """Ask a process to end, and kill its group if it has not done so in time."""
    if not process.alive:
        return
    _signal(process, signal.SIGTERM)
    if not wait_until(lambda: not process.alive, timeout):
        kill(process)


def kill(process: Process) -> None:
    """Kill a process and its group, and wait until it is gone."""
    if process.alive:
        _signal(process, signal.SIGKILL)
        wait_until(lambda: not process.alive, _KILL_TIMEOUT)


def wait_until(condition: Callable[[], bool], timeout: float) -> bool:
    """Look again and again until the condition holds; return False if it does not in time."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_INTERVAL)
    return True


def _signal(process: Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _mark_from_proc(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # proc(5): the name, field 2, is in parentheses and may hold anything; 3 is the state, 20 the number
    # of threads, 22 the start in ticks since boot. Those ticks come again after a reboot, so the boot
    # belongs to the mark. A killed VM looks like a zombie while its threads still hold its ports, so it
    # is alive that long. In dedup/owner.py it is dead, because there only its work matters.
    fields = stat.rpartition(")")[2].split()
    if fields[0] in "ZX" and int(fields[17]) <= 1:
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot}/{fields[19]}"


def _mark_from_ps(pid: int) -> str | None:
    listing = subprocess.run(  # noqa: S603
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)],  # noqa: S607
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    state, _, started = listing.stdout.strip().partition(" ")
    return started.strip() if started and not state.startswith("Z") else None
