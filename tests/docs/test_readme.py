"""Every command and program of the README does what the README shows."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.docs.check import ROOT, problems
from tests.docs.console import DONE, Step, blocks, play, programs

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EXIT_CODE = re.compile(r"\[(\d+)\]")


def steps() -> list[Step]:
    """Return the commands of all console blocks, in order: one long session."""
    found: list[Step] = []
    for line in "".join(blocks("console")).splitlines():
        if line.startswith("$ "):
            found.append(Step(line.removeprefix("$ ")))
        else:
            found[-1].shown.append(line)
    return found


def pattern(step: Step) -> re.Pattern[str]:
    """Turn what the README shows into a pattern: UUID is any id, … is anything, [5] is the exit code."""
    code, lines = "0", []
    for line in step.shown:
        if match := _EXIT_CODE.fullmatch(line):
            code = match[1]
        else:
            lines.append(re.escape(line).replace("UUID", _UUID.pattern).replace("…", "(?s:.*)"))
    return re.compile("".join(f"{line}\n" for line in [*lines, f"{DONE} {code}"]).removesuffix("\n"))


@pytest.mark.timeout(600)  # some fifty commands and a node of its own
def test_every_command_does_what_is_shown(tmp_path: Path) -> None:
    """The README, played from top to bottom in an empty directory, prints what it says."""
    shutil.copytree(ROOT / "topologies", tmp_path / "topologies")
    for name, program in programs().items():
        (tmp_path / name).write_text(program)
    session = steps()
    outputs = play(session, tmp_path)
    assert len(outputs) == len(session)
    for step, output in zip(session, outputs, strict=True):
        assert pattern(step).fullmatch(output), f"$ {step.command}\n{output}"


def test_generated_blocks_are_up_to_date() -> None:
    """Exit codes, help texts and the change log agree with the code."""
    assert problems(write=False) == []
