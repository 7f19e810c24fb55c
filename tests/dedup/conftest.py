"""What tests of dedup stores share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.sqlite_files import OtherProcess


@pytest.fixture
def others() -> Iterator[Callable[..., OtherProcess]]:
    """Give a function that starts another process, which ends with the test."""
    started: list[OtherProcess] = []

    def start(*path: Path) -> OtherProcess:
        started.append(OtherProcess(*path))
        return started[-1]

    yield start
    for process in started:
        process.end()
