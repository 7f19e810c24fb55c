"""The workers under faults: handlers of each kind, and what is in common to them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tests.faults import handlers

_HERE = Path(handlers.__file__).parent
_ROOT = str(_HERE.parents[1])

#: Seconds that one Python handler may take; what others do is not undone when its time is over, so that they get more.
_PYTHON = ("--app-dir", _ROOT, "--handler-timeout", "2s", "--concurrency", "4")
_OTHERS = ("--handler-timeout", "90s", "--concurrency", "2")
#: One handler at a time takes its time in so many places, in all workers together.
PAUSING = 12

ORDINARY = ("--handler", "tests.faults.handlers:handle", *_PYTHON)
_PROCESSES = (*ORDINARY, "--processes", "2", "--prefetch", "20")
_COMMIT_EACH = (*ORDINARY, "--commit", "each", "--prefetch", "20")
_TRANSACTION = (
    *("--handler", "tests.faults.handlers:handle_in_transaction", "--app-dir", _ROOT),
    *("--transaction", "--prefetch", "20"),
)


def workers(seed: int, *, has_transactions: bool, service: str) -> list[Sequence[str]]:
    """Return the options of each worker; the seed tells by which other means than Python the last one works."""
    others = (f"exec:{_HERE / 'act.sh'}", f"exec-lines:{sys.executable} {handlers.__file__}", service)
    return [
        ORDINARY,
        _PROCESSES,
        _TRANSACTION if has_transactions else _COMMIT_EACH,
        ("--handler", others[seed % len(others)], *_OTHERS),
    ]


def held_at_most(prefetch: int = 250) -> int:
    """Return how many messages all workers have in hand at most: an ordinary one as many as it may by itself."""
    return prefetch + 2 * 20 + 20 + prefetch
