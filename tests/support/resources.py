"""What a process holds: memory and descriptors, as Linux tells it."""

from __future__ import annotations

from pathlib import Path


def resident(process: int) -> float:
    """Return the memory that a process holds now, in MiB."""
    return _memory(process, "VmRSS")


def peak(process: int) -> float:
    """Return the most memory that a process has held, in MiB."""
    return _memory(process, "VmHWM")


def descriptors(process: int) -> int:
    """Count the files and sockets that a process has open."""
    return sum(1 for _ in Path(f"/proc/{process}/fd").iterdir())


def _memory(process: int, name: str) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024
