"""Connections to a PostgreSQL server: made when needed, and anew after they broke."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager, suppress
from threading import Lock
from typing import TYPE_CHECKING, Any

from amqptool.dedup import postgresql_statements as statements
from amqptool.dedup.postgresql_url import parameters_of, without_secrets
from amqptool.errors import DedupError, HandlerError
from amqptool.extras import imported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import psycopg

#: How soon a dead server is noticed, unless the URL says otherwise (libpq, "Parameter Key Words").
_DEFAULTS = {
    "application_name": "amqptool",
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
#: For each connection: milliseconds to wait for another transaction, and how soon the server notices a dead client,
#: whose transaction would keep its locks until then.
_SETTINGS = """
SET lock_timeout = 5000;
SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3
"""


class Server:
    """The server and database that a URL names."""

    def __init__(self, url: str) -> None:
        self._library = imported("psycopg", "postgresql", "a dedup store in PostgreSQL needs")
        self._parameters = parameters_of(url)
        self.name = without_secrets(self._parameters)

    def connect(self) -> psycopg.Connection[Any]:
        """Open a connection, on which each commit waits for the disk."""
        connection: psycopg.Connection[Any] = self._library.connect(**_DEFAULTS | self._parameters, autocommit=True)
        try:
            connection.execute(_SETTINGS)
            connection.execute(statements.WITH_DISK)
        except BaseException:
            connection.close()
            raise
        return connection

    def create_table(self, connection: psycopg.Connection[Any]) -> None:
        """Make the table if it is not there.

        Raises:
            DedupError: it is there, and another program's or of another version.
        """
        if not self.has_table(connection):
            with connection.transaction():
                connection.execute(statements.LOCK_CREATION, {"lock": statements.CREATION_LOCK})
                if not self.has_table(connection):
                    connection.execute(statements.CREATE)

    def has_table(self, connection: psycopg.Connection[Any]) -> bool:
        """Return whether the table is there.

        Raises:
            DedupError: it is there, and another program's or of another version.
        """
        found = connection.execute(statements.IDENTIFY).fetchone()
        if found is None:
            return False
        mark, _, version = (found[0] or "").rpartition(" ")
        if f"{mark} " != statements.MARK:
            raise self._refused("its table amqptool_dedup is another program's")
        if version != str(statements.SCHEMA_VERSION):
            raise self._refused(f"its schema is version {version}, and this amqptool needs {statements.SCHEMA_VERSION}")
        return True

    def cursor(self, connection: psycopg.Connection[Any]) -> psycopg.Cursor[Any]:
        """Return a cursor whose rows are tuples, whatever the connection's user prefers."""
        cursor: psycopg.Cursor[Any] = self._library.Cursor(connection, row_factory=self._library.rows.tuple_row)
        return cursor

    def read(self, statement: str) -> list[Any]:
        """Return the rows of a statement that reads the whole table, over a connection of its own."""
        with self.translated("read"), self.connect() as connection:
            return connection.execute(statement, binary=True).fetchall()

    def status(self, connection: psycopg.Connection[Any]) -> str:
        """Return where a connection is with its transaction: IDLE, INTRANS, INERROR, ACTIVE or UNKNOWN."""
        return connection.info.transaction_status.name

    def lost(self) -> DedupError:
        """Return the error of a connection that was lost."""
        return DedupError(f"cannot use dedup store {self.name}: the connection was lost")

    def broken(self) -> psycopg.Error:
        """Return the error of a transaction that goes on after an error, and can do nothing any more."""
        error: psycopg.Error = self._library.errors.InFailedSqlTransaction(
            "a statement failed, and the handler went on; nothing of its transaction is there"
        )
        return error

    def _refused(self, reason: str) -> DedupError:
        return DedupError(f"cannot open dedup store {self.name}: {reason}")

    @contextmanager
    def translated(self, verb: str) -> Iterator[None]:
        """Turn what the library raises into a DedupError."""
        try:
            yield
        except self._library.Error as error:
            reason = " ".join(str(error).split())
            raise DedupError(f"cannot {verb} dedup store {self.name}: {reason}") from error


class Line:
    """One connection for one call after the other, from any thread.

    A call that was cut off from the server is the last one on its connection.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._turn = Lock()
        self._connection: psycopg.Connection[Any] | None = None
        self._numbers: dict[bytes, int] = {}
        self._owner: int | None = None

    def connected(self) -> psycopg.Connection[Any]:
        """Return the connection, a new one where there is none."""
        if self._connection is None or self._connection.closed:
            self._numbers, self._owner = {}, None  # it may be another server's, or one that was set back
            self._connection = self._server.connect()
            self._connection.execute(statements.BY_INDEX)
        return self._connection

    def ask(self, statement: str, parameters: Mapping[str, Any]) -> list[Any]:
        """Run a statement, a transaction of its own, and return its rows."""
        with self._turn, self._server.translated("use"):
            # Never prepared: a plan is for what the table holds now, and at first that is nothing.
            cursor = self.connected().execute(statement, parameters, prepare=False, binary=True)
            return cursor.fetchall() if cursor.description else [cursor.rowcount]

    def number(self, name: bytes) -> int:
        """Return the number that a scope has in the database."""
        number = self._numbers.get(name)  # once: another thread may connect anew, which forgets the numbers
        if number is None:
            self.ask(statements.ADD_NAME, {"name": name})
            [[number]] = self.ask(statements.NUMBER, {"name": name})
            self._numbers[name] = int(number)
        return int(number)

    def owner(self, name: bytes, now: float | None) -> int:
        """Return the number that our owner has, which counts as used when it is asked for."""
        number = self._owner
        if number is None:
            [[number]] = self.ask(statements.USE_OWNER, {"name": name, "now": now})
            self._owner = int(number)
        return int(number)

    def forget_owner(self) -> None:
        """Ask for the number of our owner anew, once it is needed."""
        self._owner = None

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()


class Transactions:
    """Transactions of handlers, as many at the same time as there are threads; their connections are kept."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._idle: deque[psycopg.Connection[Any]] = deque()
        self._closed = False

    @contextmanager
    def transaction(self, finish: Callable[[psycopg.Connection[Any]], None]) -> Iterator[psycopg.Connection[Any]]:
        """Give a connection within a transaction, which `finish` sees last; commit it, or roll it back."""
        connection = self._begin()
        try:
            with self._unless_lost(connection), self._unless_ended(connection):
                yield connection
            self._check_works(connection)
            with self._unless_lost(connection):
                # Checks that wait for others do so before others wait for the row that `finish` writes.
                connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            with self._server.translated("use"):
                finish(connection)
            with self._unless_lost(connection):
                connection.execute("COMMIT")  # which may find that the transaction is not serializable
        finally:
            self._give_back(connection)

    def close(self) -> None:
        """Close the connections that are not in use now, and the others after their use."""
        self._closed = True
        self._close_idle()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _begin(self) -> psycopg.Connection[Any]:
        with self._server.translated("use"):
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._server.connect()
            try:
                connection.execute("BEGIN")
            except BaseException:
                connection.close()
                self._close_idle()  # whatever ended this one has ended the others
                raise
        return connection

    @contextmanager
    def _unless_lost(self, connection: psycopg.Connection[Any]) -> Iterator[None]:
        """Let errors through, which are the handler's, unless they came with the loss of the connection."""
        try:
            yield
        except Exception as error:
            if connection.broken:
                raise self._server.lost() from error
            raise

    @contextmanager
    def _unless_ended(self, connection: psycopg.Connection[Any]) -> Iterator[None]:
        """Tell of a handler that ended its transaction, also if it failed after that."""
        try:
            yield
        except Exception as error:
            self._check_open(connection, error)
            raise
        self._check_open(connection)

    def _check_open(self, connection: psycopg.Connection[Any], error: Exception | None = None) -> None:
        if not connection.broken and self._server.status(connection) not in ("INTRANS", "INERROR"):
            raise HandlerError("the handler ended the transaction that it was given") from error

    def _check_works(self, connection: psycopg.Connection[Any]) -> None:
        if connection.broken:
            raise self._server.lost()
        if self._server.status(connection) == "INERROR":
            raise self._server.broken()

    def _give_back(self, connection: psycopg.Connection[Any]) -> None:
        with suppress(DedupError), self._server.translated("use"):
            connection.rollback()
        if self._server.status(connection) == "IDLE" and not self._closed:
            self._idle.append(connection)
        else:
            connection.close()
