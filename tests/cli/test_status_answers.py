"""`amqptool status` with what a management API answers only when something is wrong."""

from __future__ import annotations

import pytest

from tests.support.cli import run_cli
from tests.support.management_stub import management_stub


def down(path: str) -> tuple[int, object]:
    """Answer as a cluster does whose other node is away."""
    return 200, {"name": "rabbit"} if path == "/cluster-name" else {"name": "q", "state": "down"}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--format", "nagios", "--max-depth", "1"), 2, "RABBITMQ CRITICAL - queue 'q' is down; queue 'q' does not"),
        (("--format", "nagios"), 2, "RABBITMQ CRITICAL - queue 'q' is down | \n"),
        (("--max-depth", "1"), 1, "READY  QUEUE\n    ?  q (down)\n"),
        ((), 0, "READY  QUEUE\n    ?  q (down)\n"),
        (("--format", "prometheus"), 0, ""),
    ],
)
def test_a_queue_that_is_down_is_not_healthy(words: tuple[str, ...], code: int, said: str) -> None:
    """It tells no counts, and that is not the same as zero."""
    with management_stub(down) as address:
        done = run_cli("status", "q", "--management-url", address, *words)
    assert done.returncode == code
    assert done.stdout.startswith(said)
