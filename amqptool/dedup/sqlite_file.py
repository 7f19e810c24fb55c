"""The file of the SQLite store: its schema, and how it is made, opened and recognised.

Rows come in the order of time, which is also about the order in which they are completed and pruned: beside
the index of ids, a batch touches few pages, and no other index is needed. An id is kept as 16 bytes.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: Marks a file as ours ("amqd"), so that no other program's database is ever written to.
APPLICATION_ID = 0x616D7164
SCHEMA_VERSION = 3
#: Seconds to wait for another process's transaction.
BUSY_TIMEOUT = 5.0
#: Seconds between two attempts. SQLite's own waiting sleeps for up to 100 ms each time, in which a file with many
#: writers is idle.
_POLL = 0.0005
#: Pages of the write-ahead log before they go into the file, and kibibytes of pages that are kept in memory.
_CHECKPOINT, _CACHE = 4_000, 16_000

# `until` is when a claim's lease ends, or when a finished row may be forgotten. A name is that of a scope or an
# owner, which many rows share; names stay, since there are few.
_SCHEMA = (
    "CREATE TABLE name (number INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)",
    """
    CREATE TABLE message (
        number INTEGER PRIMARY KEY,
        scope INTEGER NOT NULL,
        id BLOB NOT NULL,
        state INTEGER NOT NULL,
        token TEXT NOT NULL,
        owner INTEGER NOT NULL,
        until REAL NOT NULL,
        attempt INTEGER NOT NULL,
        UNIQUE (id, scope)
    )
    """,
)
_IDENTITY = ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")


def create_private(path: Path) -> None:
    """Make an empty file that only its owner may read, unless it is there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Made before SQLite would make it readable for all; its -wal and -shm files take over the mode.
    # Never opened once it is there: closing a file takes away every lock that this process has on it
    # (sqlite.org/howtocorrupt.html, 2.2), and another process would then delete our -wal.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def create_schema(path: Path) -> None:
    """Make the tables in an empty file; leave any other file as it is.

    Raises:
        sqlite3.DatabaseError: the file is another program's, or of another version.
    """
    with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        application, version, tables = (connection.execute(question).fetchone()[0] for question in _IDENTITY)
        if (application, tables) == (0, 0):
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        elif application != APPLICATION_ID:
            raise sqlite3.DatabaseError("it is the database of another program")
        elif version != SCHEMA_VERSION:
            raise sqlite3.DatabaseError(f"its schema is version {version}, and this amqptool needs {SCHEMA_VERSION}")
        connection.execute("COMMIT")


def connect(path: Path, *, timeout: float = 0.0) -> sqlite3.Connection:
    """Open the file; each commit waits for the disk until `synchronous` is set otherwise.

    Only with `timeout`, in seconds, does a statement wait for others by itself.
    """
    connection = sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)
    _switch_to_wal(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT}")
    connection.execute(f"PRAGMA cache_size = -{_CACHE}")
    return connection


def begin(connection: sqlite3.Connection) -> None:
    """Begin a transaction that may write, when nobody else's is going on any more.

    A deferred transaction that turns into a writer fails at once when another one wrote, busy timeout or not
    (SQLITE_BUSY_SNAPSHOT).
    """
    _execute_when_free(connection, "BEGIN IMMEDIATE")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    # The busy timeout does not cover this switch: it fails at once while another process opens the file.
    _execute_when_free(connection, "PRAGMA journal_mode = WAL")


def _execute_when_free(connection: sqlite3.Connection, statement: str) -> None:
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            connection.execute(statement)
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(_POLL)
