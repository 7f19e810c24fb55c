"""The demo's handlers: each writes a release into a table that would happily take it twice."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amqptool import Delivery

_DIRECTORY = Path(os.environ["DEMO_DIRECTORY"])
#: The message in whose handler the first worker gets stuck, so that it can be killed in the middle of it.
_STUCK_AT = 700

_database = sqlite3.connect(_DIRECTORY / "releases.db", isolation_level=None, check_same_thread=False, timeout=30)
_database.execute("PRAGMA synchronous = NORMAL")
_calls = 0


def record(delivery: Delivery) -> None:
    """Record a release."""
    release = json.loads(delivery.body)
    _database.execute(
        "INSERT INTO release (message_id, app, version, worker) VALUES (?, ?, ?, ?)",
        (delivery.message_id, release["app"], release["version"], os.getpid()),
    )


def record_until_stuck(delivery: Delivery) -> None:
    """Record releases, and get stuck in the middle of one."""
    global _calls
    _calls += 1
    if _calls == _STUCK_AT:
        (_DIRECTORY / "stuck").touch()
        time.sleep(3600)
    record(delivery)
