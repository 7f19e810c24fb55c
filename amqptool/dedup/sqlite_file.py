"""The file of the SQLite store: our tables in it, and how it is made, opened and recognised.

It may be a database of the user's, of which nothing but our tables is touched. Rows come in the order of time,
which is also about the order in which they are completed and pruned: beside the index of ids, a batch touches few
pages, and no other index is needed. An id is kept as 16 bytes.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA_VERSION = 4
#: Marks the files of schema versions up to 3 ("amqd"), which held a store and nothing else.
FORMER_APPLICATION_ID = 0x616D7164
#: Seconds to wait for another process's transaction.
BUSY_TIMEOUT = 5.0
#: Seconds between two attempts. SQLite's own waiting sleeps for up to 100 ms each time, in which a file with many
#: writers is idle.
_POLL = 0.0005
#: Pages of the write-ahead log before they go into the file, and kibibytes of pages that are kept in memory.
_CHECKPOINT, _CACHE = 4_000, 16_000

# `until` is when a claim's lease ends, or when a finished row may be forgotten. A name is that of a scope or an
# owner, which many rows share. It is bytes, since what a text is depends on the encoding of the database, and a name
# need not be UTF-8. `unused_since` is the newest row of a time after which nobody has used the name: as soon as all
# rows are newer ones, none of them has it, and it goes.
_SCHEMA = (
    "CREATE TABLE amqptool_dedup_schema (version INTEGER NOT NULL)",
    f"INSERT INTO amqptool_dedup_schema VALUES ({SCHEMA_VERSION})",  # noqa: S608
    "CREATE TABLE amqptool_dedup_name (number INTEGER PRIMARY KEY, unused_since INTEGER, name BLOB NOT NULL UNIQUE)",
    """
    CREATE TABLE amqptool_dedup (
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
_TABLES = "SELECT name FROM sqlite_master WHERE name IN ('amqptool_dedup', 'amqptool_dedup_schema')"


def create_private(path: Path) -> None:
    """Make an empty file that only its owner may read, unless it is there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Made before SQLite would make it readable for all; its -wal and -shm files take over the mode.
    # Never opened once it is there: closing a file takes away every lock that this process has on it
    # (sqlite.org/howtocorrupt.html, 2.2), and another process would then delete our -wal.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def create_tables(path: Path) -> None:
    """Make our tables in a file, unless they are there.

    Raises:
        sqlite3.DatabaseError: they are another program's, or of another version.
    """
    with closing(_open(path)) as connection:
        if _has_tables(connection):
            return
        connection.execute("BEGIN IMMEDIATE")
        if not _has_tables(connection):  # another process may have made them meanwhile
            for statement in _SCHEMA:
                connection.execute(statement)
        connection.execute("COMMIT")


def has_tables(path: Path) -> bool:
    """Return whether our tables are in a file that is there.

    Raises:
        sqlite3.DatabaseError: they are another program's, or of another version.
    """
    with closing(_open(path)) as connection:
        return _has_tables(connection)


def _has_tables(connection: sqlite3.Connection) -> bool:
    if _value(connection, "PRAGMA application_id") == FORMER_APPLICATION_ID:
        raise sqlite3.DatabaseError("it was made by an earlier amqptool: name another file")
    tables = {name for (name,) in connection.execute(_TABLES)}
    if tables == {"amqptool_dedup"}:
        raise sqlite3.DatabaseError("its table amqptool_dedup is another program's")
    if not tables:
        return False
    version = _value(connection, "SELECT max(version) FROM amqptool_dedup_schema")
    if version != SCHEMA_VERSION:
        raise sqlite3.DatabaseError(f"its schema is version {version}, and this amqptool needs {SCHEMA_VERSION}")
    return True


def _value(connection: sqlite3.Connection, question: str) -> object:
    (value,) = connection.execute(question).fetchone()
    return value


def _open(path: Path, timeout: float = BUSY_TIMEOUT) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)


def connect(path: Path, *, timeout: float = 0.0) -> sqlite3.Connection:
    """Open the file; each commit waits for the disk until `synchronous` is set otherwise.

    Only with `timeout`, in seconds, does a statement wait for others by itself.
    """
    connection = _open(path, timeout)
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
    try:
        _execute_when_free(connection, "PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        if _is_busy(error):
            raise sqlite3.OperationalError(f"{error}: another program keeps it from changing to WAL") from error
        raise


def _execute_when_free(connection: sqlite3.Connection, statement: str) -> None:
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            connection.execute(statement)
            return
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > deadline:
                raise
        time.sleep(_POLL)


def _is_busy(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY  # the rest tells details
