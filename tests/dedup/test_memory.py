"""The dedup store in memory, where it is not as the others."""

from __future__ import annotations

import time

import pytest

from amqptool.dedup.interface import LEASE, Busy, Key
from amqptool.dedup.memory import MemoryStore

KEY = Key("scope", "id")


def test_a_time_of_day_that_is_set_ends_no_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both who holds a claim and who wants it are within this process, so nothing but its own time counts."""
    store = MemoryStore()
    store.claim([KEY])
    later = time.time() + 2 * LEASE
    monkeypatch.setattr(time, "time", lambda: later)

    assert store.claim([KEY]) == [Busy()]
