"""Running a program, and what it took."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

AMQPTOOL = str(Path(sys.executable).with_name("amqptool"))

_MEASURE = """
import resource, subprocess, sys, time
started = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
seconds = time.perf_counter() - started
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run of a program took."""

    seconds: float
    #: Seconds of the processor.
    cpu: float
    #: The most that it held.
    megabytes: float


def measured(command: Sequence[str], *, reads: Path | None = None) -> Measured:
    """Run a command to its end; `reads` is its standard input."""
    # Through a small process of its own: a child's figures begin with what its parent held.
    through = [sys.executable, "-c", _MEASURE, *command]
    with (reads or Path(os.devnull)).open("rb") as stdin:
        done = subprocess.run(through, stdin=stdin, check=True, stdout=subprocess.PIPE)
    seconds, cpu, megabytes = map(float, done.stdout.split())
    return Measured(seconds, cpu, megabytes)
