"""A database of the user's that also holds a dedup store: everything else in it stays as it is."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from amqptool.dedup import open_existing
from amqptool.dedup.interface import Acquired, Counts, Done, Key
from amqptool.dedup.sqlite import SqliteStore
from amqptool.errors import DedupError
from tests.support.sqlite_files import OtherProcess, contents, run_sql

KEY = Key("scope", "id")
#: Where a file's header says which version of SQLite may write to it, and a version that is yet to come.
WRITE_VERSION, FUTURE = 18, b"\x03"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Make a database of a shop, as another program would: with a rollback journal, and readable for all."""
    path = tmp_path / "shop.db"
    run_sql(
        path,
        "PRAGMA application_id = 1234",
        "PRAGMA user_version = 7",
        "CREATE TABLE message (id TEXT)",
        "CREATE TABLE name (text TEXT)",
        "INSERT INTO message VALUES ('hello')",
    )
    path.chmod(0o644)
    return path


@pytest.fixture
def shop(path: Path) -> Iterator[sqlite3.Connection]:
    """Use the database as the shop's own program does."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def complete(path: Path) -> None:
    """Open a store, make a key done, and close it."""
    with closing(SqliteStore(path)) as store:
        store.complete([claim for claim in store.claim([KEY]) if isinstance(claim, Acquired)])


def is_done(path: Path) -> bool:
    """Return whether the key is done for whoever opens the store now."""
    with closing(SqliteStore(path)) as store:
        return store.claim([KEY]) == [Done()]


def test_everything_else_stays_as_it_is(path: Path, shop: sqlite3.Connection) -> None:
    """Beside the tables of the store, it is as before: its marks, its tables, its rows, and who may read it."""
    marks = ("PRAGMA application_id", "PRAGMA user_version", "SELECT * FROM message")
    tables = "SELECT * FROM sqlite_master WHERE tbl_name NOT LIKE 'amqptool%'"
    before = [shop.execute(question).fetchall() for question in (*marks, tables)]

    complete(path)

    assert is_done(path)
    assert [shop.execute(question).fetchall() for question in (*marks, tables)] == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_the_names_of_our_tables_tell_whose_they_are(path: Path, shop: sqlite3.Connection) -> None:
    """There are three, and nothing else is made."""
    complete(path)

    tables = shop.execute("SELECT tbl_name FROM sqlite_master WHERE type = 'table' AND tbl_name LIKE 'amqp%'")
    assert {name for (name,) in tables} == {"amqptool_dedup", "amqptool_dedup_name", "amqptool_dedup_schema"}


def test_it_has_a_write_ahead_log_from_then_on(path: Path, shop: sqlite3.Connection) -> None:
    """The program that has it open already goes on using it."""
    complete(path)

    shop.execute("INSERT INTO message VALUES ('bye')")
    assert shop.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert is_done(path)


def test_a_transaction_of_another_program_is_waited_for(
    path: Path, shop: sqlite3.Connection, others: Callable[..., OtherProcess]
) -> None:
    """While the shop writes to its database, nobody opens a store there; afterwards whoever waited does."""
    other = others()
    assert other.ask("'ready'") == "ready"
    shop.execute("BEGIN EXCLUSIVE")
    other.send(f"open_all({str(path)!r})")
    shop.execute("INSERT INTO message VALUES ('bye')")
    shop.execute("COMMIT")

    assert other.answer() == "[None]"
    assert shop.execute("SELECT count(*) FROM message").fetchone() == (2,)


def test_a_reader_that_stays_is_an_error_that_passes(path: Path, shop: sqlite3.Connection) -> None:
    """Until it ends the tables cannot be made, and then none of them is there."""
    shop.execute("BEGIN")
    shop.execute("SELECT * FROM message").fetchall()
    with pytest.raises(DedupError, match=r"cannot open dedup store .*shop\.db: database is locked"):
        SqliteStore(path)
    assert shop.execute("SELECT name FROM sqlite_master WHERE name LIKE 'amqptool%'").fetchall() == []

    shop.execute("COMMIT")
    complete(path)
    assert is_done(path)


def test_a_log_that_another_program_took_away_is_wanted_back(path: Path, shop: sqlite3.Connection) -> None:
    """A reader that keeps the database from being changed back is told of."""
    complete(path)
    shop.execute("PRAGMA journal_mode = DELETE")
    shop.execute("BEGIN")
    shop.execute("SELECT * FROM message").fetchall()
    with pytest.raises(DedupError, match="another program keeps it from changing to WAL"):
        SqliteStore(path)

    shop.execute("COMMIT")
    assert is_done(path)


def test_a_database_that_is_read_only_is_refused_and_left_alone(path: Path) -> None:
    """Where nothing can be written, nothing can be remembered."""
    content = path.read_bytes()
    path.write_bytes(content[:WRITE_VERSION] + FUTURE + content[WRITE_VERSION + 1 :])
    before = contents(path.parent)

    with pytest.raises(DedupError, match="readonly database"):
        SqliteStore(path)

    assert contents(path.parent) == before


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE amqptool_dedup (id TEXT)",
        "CREATE VIEW amqptool_dedup AS SELECT 1",
        "CREATE TABLE amqptool_dedup_name (id TEXT)",
        "CREATE TABLE amqptool_dedup_schema (id TEXT)",
    ],
)
def test_tables_of_another_program_are_refused_and_left_alone(path: Path, statement: str) -> None:
    """A table that happens to have the name of one of ours is no store, and not a byte changes."""
    run_sql(path, statement)
    before = contents(path.parent)

    with pytest.raises(DedupError, match=r"amqptool_dedup|no such column"):
        SqliteStore(path)

    assert contents(path.parent) == before


def test_tables_that_are_gone_are_an_error(path: Path, shop: sqlite3.Connection) -> None:
    """Nothing is made anew behind anybody's back."""
    with closing(SqliteStore(path)) as store:
        shop.execute("DROP TABLE amqptool_dedup")
        with pytest.raises(DedupError, match="no such table"):
            store.claim([KEY])
    with closing(SqliteStore(path)) as store, pytest.raises(DedupError, match="no such table"):
        store.claim([KEY])


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_names_are_kept_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    """Those of queues need not be UTF-8, and a database may have its texts in another encoding."""
    run_sql(tmp_path / "shop.db", f"PRAGMA encoding = '{encoding}'", "CREATE TABLE shop (name TEXT)")
    scope = "fronta-č-\udcff"
    with closing(SqliteStore(tmp_path / "shop.db")) as store:
        store.claim([Key(scope, "id")])

        assert store.counts() == [Counts(scope, 1, 0, 0)]
        assert [entry.key for entry in store.find("id")] == [Key(scope, "id")]


def test_processes_race_to_make_the_tables(tmp_path: Path, others: Callable[..., OtherProcess]) -> None:
    """Workers that start together on databases that are there all open each."""
    processes = [others() for _ in range(4)]
    paths = [tmp_path / f"{number}.db" for number in range(20)]
    for path in paths:
        run_sql(path, "CREATE TABLE shop (name TEXT)")
    assert [process.ask("'ready'") for process in processes] == ["ready"] * 4

    for process in processes:
        process.send(f"open_all(*{[str(path) for path in paths]!r})")

    assert {process.answer() for process in processes} == {str([None] * 20)}


def test_nothing_is_made_where_nothing_is_looked_for(path: Path) -> None:
    """Looking for a store in a database without one is an error, and makes none."""
    before = contents(path.parent)

    with pytest.raises(DedupError, match=r"there is no dedup store in .*shop\.db"):
        open_existing(f"sqlite:///{path}")

    assert contents(path.parent) == before


def test_rows_are_where_vacuum_left_them(path: Path, shop: sqlite3.Connection) -> None:
    """Whoever tidies the database up while it is in use takes nothing from the store."""
    with closing(SqliteStore(path)) as store:
        [claim] = store.claim([KEY])
        assert isinstance(claim, Acquired)
        shop.execute("VACUUM")

        assert store.complete([claim]) == [True]
    assert is_done(path)
