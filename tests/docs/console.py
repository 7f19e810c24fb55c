"""Commands as a reader runs them: in one shell, in a directory, with the program on the path."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.docs.check import README
from tests.support.cli import UNMEASURED, cli_environment

#: Stands, with the exit code, behind what a command has printed.
DONE = "<done>"
_BLOCK = re.compile(r"^```(?P<kind>console|python)\n(?P<text>.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """One command, and what it is shown to print."""

    command: str
    shown: list[str] = field(default_factory=list)


def blocks(kind: str) -> list[str]:
    """Return the README's blocks of a kind."""
    return [match["text"] for match in _BLOCK.finditer(README.read_text()) if match["kind"] == kind]


def programs() -> dict[str, str]:
    """Return the README's programs by the names of their files."""
    return {program.splitlines()[0].removeprefix("# "): program for program in blocks("python")}


def play(session: Sequence[Step], directory: Path, env: Mapping[str, str] | None = None) -> list[str]:
    """Run the commands in one shell, as a reader would, and return what each printed and its exit code."""
    script = "trap 'amqptool broker stop >/dev/null 2>&1' EXIT\n" + "\n".join(
        f"{{ {step.command}\n}} 2>&1; echo '{DONE}' $?" for step in session
    )
    home = {"HOME": str(directory), "XDG_STATE_HOME": str(directory / "state")}
    environment = {**cli_environment(UNMEASURED), **home, **(env or {})}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    done = subprocess.run(
        ["bash"], input=script, env=environment, cwd=directory, capture_output=True, text=True, check=True
    )
    return re.split(rf"(?<={DONE} .)\n|(?<={DONE} ..)\n", done.stdout)[:-1]
