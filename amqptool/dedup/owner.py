"""Who holds a claim, and whether that process is certainly gone.

A process is named by its machine's boot, its pid namespace, its pid and its start time. It is dead only
if boot and namespace are ours and the pid is absent, a zombie, or started at another time; of any other
process nothing is known, and only the lease decides. That a file of /proc could not be read says nothing.

Where /proc is mounted with hidepid=2, the processes of other users look absent. Then pid 1 is hidden too,
and nobody is called dead; unless pid 1 is ours, as in a container: that case nobody can tell.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Owner:
    """One process, named so that no other process ever has the same name."""

    boot: str
    namespace: str
    pid: int
    started: str

    def __str__(self) -> str:
        return f"{self.boot} {self.namespace} {self.pid} {self.started}"


def this_process() -> Owner:
    """Name the calling process; where there is no /proc, nobody will be able to call it dead.

    Raises:
        OSError: /proc is there, but cannot be read now.
    """
    here, pid = _surroundings(), os.getpid()
    started = _start_time(pid)
    return Owner(*here, pid, started) if here and started else Owner("unknown", "unknown", pid, "unknown")


def is_dead(name: str, *, processes: Path = _PROC) -> bool:
    """Return whether the process of that name has certainly ended; `processes` is where proc(5) lists them."""
    return _runs(name, processes) is False


def is_alive(name: str, *, processes: Path = _PROC) -> bool:
    """Return whether the process of that name certainly still runs; `processes` is where proc(5) lists them."""
    return _runs(name, processes) is True


def _runs(name: str, processes: Path) -> bool | None:
    """Return whether a process runs; None when that cannot be told."""
    try:
        here = _surroundings()
        match name.split():
            case [boot, namespace, pid, started] if (boot, namespace) == here and pid.isdigit():
                if _shows_others(processes):
                    return _start_time(int(pid), processes) == started
    except OSError:
        pass
    return None


def _shows_others(processes: Path) -> bool:
    """Return whether the processes of other users are listed (proc(5), hidepid)."""
    return (processes / "1").exists()


@cache
def _surroundings() -> tuple[str, str] | None:
    """Return our boot and pid namespace; None where there is no /proc, or that of another namespace."""
    try:
        if os.readlink(_PROC / "self") != str(os.getpid()):  # noqa: PTH115  # a name, not a path
            return None
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        namespace = os.readlink(_PROC / "self/ns/pid")  # noqa: PTH115  # a name, not a path
    except FileNotFoundError:
        return None
    return boot, namespace


def _start_time(pid: int, processes: Path = _PROC) -> str | None:
    """Return when a process started, in ticks since boot; None when it is gone or a zombie (proc(5))."""
    try:
        stat = (processes / str(pid) / "stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command name, in parentheses, may hold spaces and parentheses itself.
    fields = stat[stat.rindex(b")") + 2 :].split()
    state, started = fields[0], fields[19]
    # A zombie works on no message any more, even if threads of it are still dying. In broker/local/process.py
    # such a one is alive, because there it matters that its threads still hold ports.
    return None if state in (b"Z", b"X") else started.decode()
