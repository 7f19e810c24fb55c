"""A dedup store in one SQLite file, shared by the processes of one machine.

Two connections: claims commit without waiting for the disk (`synchronous=NORMAL`: visible to others at
once, and a power cut undoes at worst a claim), DONE waits for it (`FULL`: it survives a power cut).
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from amqptool.dedup.interface import (
    LEASE,
    PRUNE_BATCH,
    RETENTION,
    Acquired,
    Busy,
    Claim,
    Counts,
    Done,
    Entry,
    Key,
    Row,
    State,
    may_forget,
    may_take,
)
from amqptool.dedup.owner import is_dead, this_process
from amqptool.errors import DedupError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: Marks a file as ours ("amqd"), so that no other program's database is ever written to.
APPLICATION_ID = 0x616D7164
SCHEMA_VERSION = 1
#: Seconds to wait for another process's transaction.
BUSY_TIMEOUT = 5.0

# `until` is when a claim's lease ends, or when a finished row may be forgotten.
_SCHEMA = """
CREATE TABLE message (
    scope TEXT NOT NULL,
    id TEXT NOT NULL,
    state INTEGER NOT NULL,
    token TEXT NOT NULL,
    owner TEXT NOT NULL,
    until REAL NOT NULL,
    attempt INTEGER NOT NULL,
    PRIMARY KEY (scope, id)
) WITHOUT ROWID
"""
_INSERT = "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_SELECT = "SELECT state, token, owner, until, attempt FROM message WHERE scope = ? AND id = ?"
_TAKE = "UPDATE message SET state = ?, token = ?, owner = ?, until = ? WHERE scope = ? AND id = ?"
# State 1 is State.CLAIMED.
_WRITE = """
UPDATE message SET state = ?, until = ?, attempt = ?
WHERE scope = ? AND id = ? AND state = 1 AND token = ?
"""
_IS_DONE = "SELECT 1 FROM message WHERE scope = ? AND id = ? AND state = 2 AND token = ?"
_PRUNE = """
DELETE FROM message WHERE (scope, id) IN (
    SELECT scope, id FROM message WHERE until < :now AND (state <> 1 OR until < :now - :retention) LIMIT :limit
)
"""
_DISCARD = "DELETE FROM message WHERE scope = ? AND id = ? AND state = 1 AND token = ?"
_FORGET = "DELETE FROM message WHERE scope = ? AND id = ?"
_COUNT = """
SELECT scope, sum(state = 1), sum(state = 2), sum(state = 3) FROM message GROUP BY scope ORDER BY scope
"""
# From scope to scope by the primary key: nothing else is read, however many ids there are.
_FIND = """
WITH RECURSIVE known(scope) AS (
    SELECT min(scope) FROM message
    UNION ALL
    SELECT (SELECT min(scope) FROM message WHERE scope > known.scope) FROM known WHERE known.scope IS NOT NULL
)
SELECT message.scope, state, token, owner, until, attempt
FROM known JOIN message ON message.scope = known.scope AND id = ? ORDER BY message.scope
"""
_IDENTITY = ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")


class SqliteStore:
    """A store in one file, made with mode 0600 when it is not there."""

    def __init__(
        self,
        path: str | Path,
        *,
        lease: float = LEASE,
        retention: float = RETENTION,
        clock: Callable[[], float] = time.time,
        owner: str | None = None,
    ) -> None:
        """Open it; `owner` takes the place of this process's name."""
        self.lease = lease
        self._path = Path(path)
        self._retention = retention
        self._clock = clock
        with self._translated("open"):
            self._owner = owner or str(this_process())
            _create_private(self._path)
            _create_schema(self._path)
            self._inode = self._path.stat().st_ino
            self._claims = _connect(self._path, "NORMAL")
            self._dones = _connect(self._path, "FULL")

    def claim(self, keys: Sequence[Key]) -> list[Claim]:
        """Claim keys."""
        with self._transaction(self._claims) as connection:
            token = uuid4().hex
            return [self._claim(connection, key, token) for key in keys]

    def complete(self, claims: Sequence[Acquired]) -> list[bool]:
        """Turn claims into DONE, on disk when this returns."""
        with self._transaction(self._dones) as connection:
            return [self._complete(connection, claim) for claim in claims]

    def release(self, claims: Sequence[Acquired], *, failed: bool) -> None:
        """Give claims up."""
        with self._transaction(self._claims) as connection:
            for claim in claims:
                self._write(connection, claim, State.RELEASED, claim.attempt + failed, self._retention)

    def discard(self, claims: Sequence[Acquired]) -> None:
        """Give claims up and forget their keys."""
        with self._transaction(self._claims) as connection:
            connection.executemany(_DISCARD, [(*claim.key, claim.token) for claim in claims])

    def renew(self, claims: Sequence[Acquired]) -> None:
        """Begin the leases of claims anew."""
        with self._transaction(self._claims) as connection:
            for claim in claims:
                self._write(connection, claim, State.CLAIMED, claim.attempt, self.lease)

    def prune(self) -> int:
        """Forget what is older than the retention."""
        with self._transaction(self._claims) as connection:
            values = {"now": self._clock(), "retention": self._retention, "limit": PRUNE_BATCH}
            return connection.execute(_PRUNE, values).rowcount

    def counts(self) -> list[Counts]:
        """Count the keys of each scope."""
        return [Counts(*row) for row in self._read(_COUNT)]

    def find(self, message_id: str) -> list[Entry]:
        """Return what is known of an id."""
        return [Entry(Key(scope, message_id), Row(*row)) for scope, *row in self._read(_FIND, message_id)]

    def forget(self, keys: Sequence[Key]) -> list[bool]:
        """Forget keys, but for what somebody alive is working on."""
        with self._transaction(self._claims) as connection:
            return [self._forget(connection, key) for key in keys]

    def close(self) -> None:
        """Close the file; claims stay."""
        self._claims.close()
        self._dones.close()

    def _claim(self, connection: sqlite3.Connection, key: Key, token: str) -> Claim:
        now = self._clock()
        fresh = (*key, State.CLAIMED, token, self._owner, now + self.lease, 1)
        if connection.execute(_INSERT, fresh).rowcount:
            return Acquired(key, token, 1)
        row = Row(*connection.execute(_SELECT, key).fetchone())
        if row.state == State.DONE:
            return Done()
        if not may_take(row, now, owner_is_dead=is_dead(row.owner)):
            return Busy()
        connection.execute(_TAKE, (State.CLAIMED, token, self._owner, now + self.lease, *key))
        return Acquired(key, token, row.attempt)

    def _complete(self, connection: sqlite3.Connection, claim: Acquired) -> bool:
        if self._write(connection, claim, State.DONE, claim.attempt, self._retention):
            return True
        return connection.execute(_IS_DONE, (*claim.key, claim.token)).fetchone() is not None

    def _forget(self, connection: sqlite3.Connection, key: Key) -> bool:
        found = connection.execute(_SELECT, key).fetchone()
        if found is None:
            return False
        row = Row(*found)
        if not may_forget(row, self._clock(), owner_is_dead=is_dead(row.owner)):
            return False
        connection.execute(_FORGET, key)
        return True

    def _write(
        self, connection: sqlite3.Connection, claim: Acquired, state: State, attempt: int, seconds: float
    ) -> bool:
        values = (state, self._clock() + seconds, attempt, *claim.key, claim.token)
        return connection.execute(_WRITE, values).rowcount == 1

    def _read(self, question: str, *values: str) -> list[tuple[Any, ...]]:
        # Without a transaction of our own, which would keep the workers from writing meanwhile.
        with self._translated("read"):
            self._check_file()
            return self._claims.execute(question, values).fetchall()

    @contextmanager
    def _transaction(self, connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
        with self._translated("use"):
            self._check_file()
            # A deferred transaction that turns into a writer fails at once when another one wrote, busy
            # timeout or not (SQLITE_BUSY_SNAPSHOT).
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.commit()
            except BaseException:
                connection.rollback()
                raise

    def _check_file(self) -> None:
        # SQLite goes on writing into an unlinked file, and says nothing.
        if self._path.stat().st_ino != self._inode:
            raise DedupError(f"dedup store {self._path}: the file was replaced by another one")

    @contextmanager
    def _translated(self, verb: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise DedupError(f"cannot {verb} dedup store {self._path}: {reason}") from error


def _create_private(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Made before SQLite would make it readable for all; its -wal and -shm files take over the mode.
    # Never opened once it is there: closing a file takes away every lock that this process has on it
    # (sqlite.org/howtocorrupt.html, 2.2), and another process would then delete our -wal.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _create_schema(path: Path) -> None:
    with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        application, version, tables = (connection.execute(question).fetchone()[0] for question in _IDENTITY)
        if (application, tables) == (0, 0):
            connection.execute(_SCHEMA)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        elif application != APPLICATION_ID:
            raise sqlite3.DatabaseError("it is the database of another program")
        elif version != SCHEMA_VERSION:
            raise sqlite3.DatabaseError(f"its schema is version {version}, and this amqptool needs {SCHEMA_VERSION}")
        connection.execute("COMMIT")


def _connect(path: Path, synchronous: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    _switch_to_wal(connection)
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    return connection


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    # The busy timeout does not cover this switch: it fails at once while another process opens the file.
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.01)
