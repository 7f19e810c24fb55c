"""The handler of a worker with exec does what the others do."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.faults.handlers import RECORDS, WORKER, Misdeed, misdeed_of, write_misdeeds
from tests.faults.records import Records

ACT = Path(__file__).parent / "act.sh"
MESSAGES, SEED = 20_000, 7


def ended(directory: Path, misdeed: Misdeed | None, attempt: int) -> tuple[int, int]:
    """Act on the first message that brings this misdeed with it; return how that ended, and how many effects it had."""
    write_misdeeds(directory, MESSAGES, SEED)
    number = next(each for each in range(MESSAGES) if misdeed_of(b"%d" % each, str(SEED)) is misdeed)
    records = Records(directory)
    about = {"AMQPTOOL_ATTEMPT": str(attempt), "AMQPTOOL_MESSAGE_ID": "a", WORKER: "worker-3", RECORDS: str(directory)}
    done = subprocess.run([ACT], env=about, input=b"%d\n" % number, check=False)
    records.close()
    return done.returncode, len(records.effects)


@pytest.mark.parametrize(
    ("misdeed", "first"),
    [
        (None, (0, 1)),
        (Misdeed.SLOW, (0, 1)),
        (Misdeed.RAISE, (75, 0)),
        (Misdeed.HANG, (-9, 0)),
        (Misdeed.EXIT, (-9, 0)),
    ],
)
def test_it_does_a_misdeed_at_the_first_attempt_only(
    tmp_path: Path, misdeed: Misdeed | None, first: tuple[int, int]
) -> None:
    """Then it does its work."""
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    assert ended(tmp_path / "1", misdeed, 1) == first
    assert ended(tmp_path / "2", misdeed, 2) == (0, 1)


def test_what_always_fails_has_no_effect_at_any_attempt(tmp_path: Path) -> None:
    """So that it must end among the failed ones."""
    assert ended(tmp_path, Misdeed.FAIL, 2) == (75, 0)
