"""A dedup store in one SQLite file, shared by the processes of one machine.

Claims commit without waiting for the disk (`synchronous=NORMAL`: visible to others at once, and a power cut
undoes at worst a claim), DONE waits for it (`FULL`: it survives a power cut). Both use one connection: what
it keeps in memory is of no use any more when another connection has written.

A file has one writer at a time: the threads of a process take turns, and processes wait for each other for
up to `BUSY_TIMEOUT`. A transaction of a handler may thus keep others from renewing their leases, and so the
claim of an owner that can be seen to be alive outlasts its lease.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from uuid import uuid4

from amqptool.dedup.ids import decoded, stored_id
from amqptool.dedup.interface import (
    LEASE,
    PRUNE_BATCH,
    RETENTION,
    Acquired,
    Claim,
    ClaimLost,
    Counts,
    Entry,
    Key,
    State,
    in_order,
)
from amqptool.dedup.owner import this_process
from amqptool.dedup.sqlite_file import BUSY_TIMEOUT, begin, connect, create_private, create_tables, has_tables
from amqptool.dedup.sqlite_rows import Rows, row_of
from amqptool.dedup.turns import Turns
from amqptool.errors import DedupError, HandlerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_Synchronous: TypeAlias = Literal["NORMAL", "FULL"]

#: What SQLite answers when the disk is full or fails.
_BROKEN = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
_COUNT = """
SELECT name, sum(state = 1), sum(state = 2), sum(state = 3)
FROM amqptool_dedup JOIN amqptool_dedup_name AS scopes ON scopes.number = scope
GROUP BY name ORDER BY name
"""
_FIND = """
SELECT scopes.name, state, token, owners.name, until, attempt
FROM amqptool_dedup
JOIN amqptool_dedup_name AS scopes ON scopes.number = scope
JOIN amqptool_dedup_name AS owners ON owners.number = owner
WHERE id = ? ORDER BY scopes.name
"""


class SqliteStore:
    """A store in the table `amqptool_dedup` of a database, made when it is not there; a new file has mode 0600.

    Raises:
        DedupError: the file cannot be used, or there is no table and `create` is not set.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        lease: float = LEASE,
        retention: float = RETENTION,
        clock: Callable[[], float] = time.time,
        owner: str | None = None,
        create: bool = True,
    ) -> None:
        """Open it; `owner` takes the place of this process's name."""
        self.lease = lease
        self._path = Path(path)
        self.retention = retention
        self._clock = clock
        self._turns = Turns()
        self._for_handlers: sqlite3.Connection | None = None
        self._is_taken = False
        self._closed = False
        with self._translated("open"):
            self._owner = owner or str(this_process())
            if create:
                create_private(self._path)
                create_tables(self._path)
            elif not self._path.exists() or not has_tables(self._path):
                raise DedupError(f"there is no dedup store in {self._path}")
            self._inode = self._path.stat().st_ino
            self._connection = connect(self._path)
            self._synchronous: _Synchronous = "FULL"

    def claim(self, keys: Sequence[Key]) -> list[Claim]:
        """Claim keys."""
        return self.complete_and_claim([], keys)[1]

    def complete(self, claims: Sequence[Acquired]) -> list[bool]:
        """Turn claims into DONE, on disk when this returns."""
        return self.complete_and_claim(claims, [])[0]

    def complete_and_claim(self, claims: Sequence[Acquired], keys: Sequence[Key]) -> tuple[list[bool], list[Claim]]:
        """Do both in one transaction; with claims to complete, it is on disk when this returns."""
        with self._rows("FULL" if claims else "NORMAL") as rows:
            all_recorded = rows.write(claims, State.DONE, self.retention) == len(claims)
            recorded = [all_recorded or rows.is_done(claim) for claim in claims]
            return recorded, in_order(keys, rows.claim(dict.fromkeys(keys), uuid4().hex, self._owner, self.lease))

    def release(self, claims: Sequence[Acquired], *, failed: bool) -> None:
        """Give claims up."""
        with self._rows("NORMAL") as rows:
            rows.write(claims, State.RELEASED, self.retention, failed=failed)

    def discard(self, claims: Sequence[Acquired]) -> None:
        """Give claims up and forget their keys."""
        with self._rows("NORMAL") as rows:
            rows.discard(claims)

    def renew(self, claims: Sequence[Acquired]) -> None:
        """Begin the leases of claims anew."""
        with self._rows("NORMAL") as rows:
            rows.write(claims, State.CLAIMED, self.lease)

    def prune(self) -> int:
        """Forget a batch of what is older than the retention."""
        with self._rows("NORMAL") as rows:
            return rows.prune(self.retention, PRUNE_BATCH)

    def counts(self) -> list[Counts]:
        """Count the keys of each scope."""
        return [Counts(decoded(scope), *numbers) for scope, *numbers in self._read(_COUNT)]

    def find(self, message_id: str) -> list[Entry]:
        """Return what is known of an id."""
        rows = self._read(_FIND, stored_id(message_id))
        return [Entry(Key(decoded(scope), message_id), row_of(*columns)) for scope, *columns in rows]

    def forget(self, keys: Sequence[Key]) -> list[bool]:
        """Forget keys, but for what somebody alive is working on."""
        with self._rows("NORMAL") as rows:
            went = {key: rows.forget(key) for key in dict.fromkeys(keys)}
        return [went[key] for key in keys]

    @property
    def is_taken(self) -> bool:
        """Whether a transaction is going on: everything else waits for it."""
        return self._is_taken

    @contextmanager
    def transaction(self, claim: Acquired) -> Iterator[sqlite3.Connection]:
        """Give a transaction of the caller's own, in which DONE is written and committed at the end.

        May be called from any thread; there is one transaction of a file at a time. After an exception nothing
        of it is there. The connection is used again: it is to be left as it was.

        Raises:
            ClaimLost: the claim is no longer the caller's, or done already; it was rolled back.
            HandlerError: the caller ended the transaction itself; what it committed is there, and DONE is not.
            DedupError: the store cannot be used; claim the key again to learn whether DONE is there.
        """
        with self._turn():
            with self._translated("use"):
                self._check_file()
                connection = self._for_handlers or self._connect_for_handlers()
                self._for_handlers = None
            self._is_taken = True
            try:
                with self._translated("use"):
                    begin(connection)
                    version = self._version()
                with self._unless_broken(), self._unless_ended(connection, version):
                    yield connection
                with self._translated("use"):
                    self._complete_within(connection, claim)
                with self._unless_broken():
                    connection.execute("COMMIT")  # which may find that a deferred constraint does not hold
                self._for_handlers = connection
            finally:
                self._is_taken = False
                if self._for_handlers is None:
                    connection.close()  # and with it the transaction

    def close(self) -> None:
        """Close the file, without waiting; claims stay, and what is going on goes on, and closes it at its end."""
        self._closed = True
        self._close_if_free()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Have the connections for the caller alone."""
        try:
            with self._turns:
                self._check_not_closed()
                yield
        finally:
            # Only now: who closed the store before found that the turn was not free.
            if self._closed:
                self._close_if_free()

    def _close_if_free(self) -> None:
        # Never while another thread uses a connection: it would be freed under SQLite's hands.
        with self._turns.if_free() as is_free:
            if is_free:
                self._connection.close()
                if self._for_handlers is not None:
                    self._for_handlers.close()

    def _connect_for_handlers(self) -> sqlite3.Connection:
        connection = connect(self._path)
        connection.execute("PRAGMA foreign_keys = ON")  # which cannot be had within a transaction
        return connection

    def _version(self) -> int:
        """Return a number that is another one as soon as any other connection has committed something."""
        [version] = self._connection.execute("PRAGMA data_version").fetchone()
        return int(version)

    @contextmanager
    def _unless_ended(self, connection: sqlite3.Connection, version: int) -> Iterator[None]:
        """Tell of a handler that ended its transaction, also if it failed after that."""
        try:
            yield
        except sqlite3.Error as error:
            # It may have ended the transaction by itself, but then nothing was committed since it began.
            if self._version() != version:
                _check_open(connection, error)
            raise
        except Exception as error:
            _check_open(connection, error)
            raise
        _check_open(connection)

    @contextmanager
    def _unless_broken(self) -> Iterator[None]:
        """Let errors through, which are the handler's, unless they tell that nobody can write."""
        try:
            yield
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN:  # the rest tells details
                raise self._unusable("use", error) from error
            raise

    def _complete_within(self, connection: sqlite3.Connection, claim: Acquired) -> None:
        connection.row_factory = None  # the handler may have had it otherwise
        self._check_file()
        if not Rows(connection, self._clock()).write([claim], State.DONE, self.retention):
            raise ClaimLost(f"{claim.key.message_id}: the claim is no longer ours")

    def _read(self, question: str, *values: bytes) -> list[tuple[Any, ...]]:
        # Without a transaction or a turn, which would keep the workers from writing meanwhile.
        self._check_not_closed()
        with self._translated("read"):
            self._check_file()
            with closing(connect(self._path, timeout=BUSY_TIMEOUT)) as connection:
                return connection.execute(question, values).fetchall()

    @contextmanager
    def _rows(self, synchronous: _Synchronous) -> Iterator[Rows]:
        with self._turn(), self._translated("use"):
            self._check_file()
            if synchronous != self._synchronous:
                self._connection.execute(f"PRAGMA synchronous = {synchronous}")
                self._synchronous = synchronous
            begin(self._connection)
            try:
                yield Rows(self._connection, self._clock())
                self._connection.commit()
            except BaseException:
                self._connection.rollback()
                raise

    def _check_not_closed(self) -> None:
        if self._closed:
            raise DedupError(f"cannot use dedup store {self._path}: it was closed")

    def _check_file(self) -> None:
        # SQLite goes on writing into an unlinked file, and says nothing.
        if self._path.stat().st_ino != self._inode:
            raise DedupError(f"dedup store {self._path}: the file was replaced by another one")

    @contextmanager
    def _translated(self, verb: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(verb, error) from error

    def _unusable(self, verb: str, error: sqlite3.Error | OSError) -> DedupError:
        reason = error.strerror if isinstance(error, OSError) else error
        return DedupError(f"cannot {verb} dedup store {self._path}: {reason}")


def _check_open(connection: sqlite3.Connection, error: Exception | None = None) -> None:
    if not _is_open(connection):
        raise HandlerError("the handler ended the transaction that it was given") from error


def _is_open(connection: sqlite3.Connection) -> bool:
    try:
        return connection.in_transaction
    except sqlite3.ProgrammingError:  # it was closed
        return False
