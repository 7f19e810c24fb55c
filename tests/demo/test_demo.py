"""`make demo` tells the truth."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli import cli_environment


@pytest.mark.timeout(300)  # it starts a node and runs for half a minute on an idle machine
def test_the_demo_ends_with_every_number_right(tmp_path: Path) -> None:
    """The demo succeeds, shows its table, and leaves nothing behind in its temporary directory."""
    demo = Path(__file__).with_name("demo.py")
    done = subprocess.run(
        [sys.executable, demo],
        env={**cli_environment(), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {line.split("│")[1].strip(): line.split("│")[2].strip() for line in done.stdout.splitlines() if "│" in line}
    assert rows["published, every tenth twice"] == "3,300"
    assert (rows["lost"], rows["recorded twice"]) == ("0", "0")
    assert list(tmp_path.iterdir()) == []
