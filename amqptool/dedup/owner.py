"""Who holds a claim, and whether that process is certainly gone.

A process is named by its machine's boot, its pid namespace, its pid and its start time. It is dead only
if boot and namespace are ours and the pid is absent, a zombie, or started at another time; of any other
process nothing is known, and only the lease decides.
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
    """Name the calling process; where there is no /proc, nobody will be able to call it dead."""
    boot, namespace = _surroundings()
    pid = os.getpid()
    return Owner(boot, namespace, pid, _start_time(pid) or "unknown")


def is_dead(name: str) -> bool:
    """Return whether the process of that name has certainly ended."""
    boot, namespace = _surroundings()
    match name.split():
        case [their_boot, their_namespace, pid, started] if boot != "unknown" and pid.isdigit():
            same_place = (their_boot, their_namespace) == (boot, namespace)
            return same_place and _start_time(int(pid)) != started
    return False


@cache
def _surroundings() -> tuple[str, str]:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        namespace = os.readlink(_PROC / "self/ns/pid")  # noqa: PTH115  # a name, not a path
    except OSError:
        return "unknown", "unknown"
    return boot, namespace


def _start_time(pid: int) -> str | None:
    """Return when a process started, in ticks since boot; None when it is gone or a zombie (proc(5))."""
    try:
        stat = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    # The command name, in parentheses, may hold spaces and parentheses itself.
    fields = stat[stat.rindex(b")") + 2 :].split()
    state, started = fields[0], fields[19]
    return None if state in (b"Z", b"X") else started.decode()
