"""Effects in dedup stores are found, also in those that are lost."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg

from tests.faults.checker import Effect
from tests.faults.handlers import TABLE, insert
from tests.faults.stores import ServerStore, SqliteStore
from tests.support.servers import PrivatePostgresql

ROWS = [("worker-2", 1, "a", 0.5), ("worker-2", 1, "b", 1.5)]
EFFECTS = [Effect(message, process, at, worker, is_atomic=True) for worker, process, message, at in ROWS]


def write(store: SqliteStore) -> None:
    """Insert the effects into the file, which is made if it is not there."""
    store.path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as connection:
        for row in ROWS:
            insert(connection, row)


def test_effects_in_a_file_are_atomic(tmp_path: Path) -> None:
    """There are none as long as there is no file."""
    store = SqliteStore(tmp_path)
    assert (store.count(), store.effects()) == (0, [])
    write(store)
    assert (store.count(), store.effects()) == (2, EFFECTS)
    assert store.first_effects(0.5) == [("worker-2", 1.5)]


def test_effects_in_a_lost_file_are_kept(tmp_path: Path) -> None:
    """Beside those in the new one."""
    store = SqliteStore(tmp_path)
    write(store)
    lost = store.move()
    assert store.count() == 0
    store.keep(lost)
    assert store.effects() == EFFECTS
    write(store)
    assert store.count() == 4


def test_effects_on_a_server_are_atomic(postgresql_server: PrivatePostgresql, postgresql_url: str) -> None:
    """And are found by the time after which they were."""
    with psycopg.connect(postgresql_url) as connection:
        connection.execute(os.fsencode(TABLE))
        for row in ROWS:
            insert(connection, row)
    store = ServerStore(postgresql_server, postgresql_url, has_transactions=True)
    assert (store.count(), store.effects()) == (2, EFFECTS)
    assert store.first_effects(0.5) == [("worker-2", 1.5)]
