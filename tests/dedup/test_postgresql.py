"""The PostgreSQL store: its table, its connections, and what the server is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import groupby
from threading import Barrier
from typing import Any

import psycopg
import pytest

from amqptool.dedup.interface import PRUNE_BATCH, Acquired, Busy, Done, Key, State
from amqptool.dedup.postgresql import PostgresqlStore
from amqptool.dedup.postgresql_server import Line, Server
from amqptool.dedup.postgresql_statements import SCHEMA_VERSION, WRITE
from amqptool.errors import DedupError

KEY, DAY = Key("scope", "id"), 24 * 3600.0

#: Ends whoever has written to the table, as late as can be.
_DEATH_AT_COMMIT = """
CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER die AFTER UPDATE ON amqptool_dedup
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die();
"""

#: Writes down what happens to the rows of the table, in order.
_TALE = """
CREATE TABLE tale (number serial, operation text, key bytea);
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN
    INSERT INTO tale (operation, key) VALUES (TG_OP, coalesce(NEW.key, OLD.key));
    RETURN coalesce(NEW, OLD);
END';
CREATE TRIGGER tell BEFORE INSERT OR UPDATE OR DELETE ON amqptool_dedup FOR EACH ROW EXECUTE FUNCTION tell();
"""
#: Looks at the end of a transaction whether DONE is there already.
_LATE_CHECK = """
CREATE TABLE effect (name text);
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN
    IF EXISTS (SELECT FROM amqptool_dedup WHERE state = 2) THEN RAISE ''DONE is there already''; END IF;
    RETURN NULL;
END';
CREATE CONSTRAINT TRIGGER look AFTER INSERT ON effect
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION look();
"""


@pytest.fixture
def connection(postgresql_url: str) -> Iterator[psycopg.Connection[Any]]:
    """Look at the database as anybody can."""
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def store(postgresql_url: str) -> Iterator[PostgresqlStore]:
    """Open the store."""
    with closing(PostgresqlStore(postgresql_url)) as store:
        yield store


def acquire(store: PostgresqlStore, key: Key = KEY) -> Acquired:
    """Claim a key that is free."""
    [claim] = store.claim([key])
    assert isinstance(claim, Acquired)
    return claim


def test_workers_that_start_together_make_one_table(postgresql_url: str) -> None:
    """However many open the store at the same time, all of them do."""

    def open_and_close(_number: int) -> None:
        PostgresqlStore(postgresql_url).close()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(open_and_close, range(8))) == [None] * 8


@pytest.mark.parametrize("comment", ["NULL", "'something'", "'amqptool dedup store'"])
def test_the_table_of_another_program_is_refused(
    connection: psycopg.Connection[Any], postgresql_url: str, comment: str
) -> None:
    """A table that happens to have our table's name is left alone."""
    connection.execute("CREATE TABLE amqptool_dedup (id text)")
    connection.execute(f"COMMENT ON TABLE amqptool_dedup IS {comment}")

    with pytest.raises(DedupError, match="its table amqptool_dedup is another program's"):
        PostgresqlStore(postgresql_url)


def test_another_schema_version_is_refused(connection: psycopg.Connection[Any], postgresql_url: str) -> None:
    """A table of a newer amqptool is refused with both versions named."""
    PostgresqlStore(postgresql_url).close()
    connection.execute("COMMENT ON TABLE amqptool_dedup IS 'amqptool dedup store, schema version 99'")

    with pytest.raises(DedupError, match=f"version 99, and this amqptool needs {SCHEMA_VERSION}"):
        PostgresqlStore(postgresql_url)


def test_commits_wait_for_the_disk(postgresql_url: str) -> None:
    """Also on a server that is set to do without."""
    with closing(PostgresqlStore(f"{postgresql_url}%20-csynchronous_commit%3Doff")) as store:
        assert store._line.connected().execute("SHOW synchronous_commit").fetchone() == ("on",)


def test_commits_wait_for_as_much_as_the_server_is_set_to(postgresql_url: str) -> None:
    """A server that waits for its replicas goes on doing so."""
    with closing(PostgresqlStore(f"{postgresql_url}%20-csynchronous_commit%3Dremote_apply")) as store:
        assert store._line.connected().execute("SHOW synchronous_commit").fetchone() == ("remote_apply",)


def test_a_table_that_is_gone_is_an_error(store: PostgresqlStore, connection: psycopg.Connection[Any]) -> None:
    """Every call fails with the server's words, and nothing is made anew behind anybody's back."""
    claim = acquire(store)
    connection.execute("ALTER TABLE amqptool_dedup RENAME TO away")
    calls: list[Callable[[], object]] = [lambda: store.claim([KEY]), lambda: store.complete([claim]), store.prune]
    for call in calls:
        with pytest.raises(DedupError, match="does not exist"):
            call()

    connection.execute("ALTER TABLE away RENAME TO amqptool_dedup")
    assert store.complete([claim]) == [True]


def test_a_lock_that_lasts_is_an_error_that_passes(store: PostgresqlStore, postgresql_url: str) -> None:
    """A table that somebody locks for longer than the timeout is a DedupError; afterwards the store works."""
    claim = acquire(store)
    with psycopg.connect(postgresql_url) as other:
        other.execute("LOCK TABLE amqptool_dedup")
        with pytest.raises(DedupError, match="lock timeout"):
            store.complete([claim])

    assert store.complete([claim]) == [True]


def test_a_backend_that_dies_in_its_commit_costs_one_call(
    store: PostgresqlStore, connection: psycopg.Connection[Any]
) -> None:
    """DONE is not there then, which the repeated call finds out by its token."""
    claim = acquire(store)
    connection.execute(_DEATH_AT_COMMIT)
    with pytest.raises(DedupError, match="cannot use dedup store"):
        store.complete([claim])
    assert [entry.row.state for entry in store.find(KEY.message_id)] == [State.CLAIMED]
    connection.execute("DROP FUNCTION die CASCADE")

    assert store.complete([claim]) == [True]


def test_rows_are_made_and_then_changed_in_the_order_of_the_keys(
    store: PostgresqlStore, connection: psycopg.Connection[Any]
) -> None:
    """Whatever the order of a batch is: so no two calls wait for each other in a circle."""
    claims = [claim for claim in store.claim(many(30)) if isinstance(claim, Acquired)]
    connection.execute(_TALE)
    calls: list[tuple[Callable[[], object], list[tuple[str, int]]]] = [
        (lambda: store.renew(claims), [("UPDATE", 30)]),
        (lambda: store.complete_and_claim(claims[:10], many(60)[30:]), [("INSERT", 30), ("UPDATE", 10)]),
        (lambda: store.discard(claims[10:15]), [("DELETE", 5)]),
        (lambda: store.release(claims[15:], failed=False), [("UPDATE", 15)]),
        (lambda: store.claim(many(30)[10:]), [("INSERT", 20), ("UPDATE", 15)]),  # 15 of the rows turn out to be there
        (lambda: store.forget(many(10)), [("DELETE", 10)]),
    ]
    for call, expected in calls:
        call()
        told = connection.execute("WITH told AS (DELETE FROM tale RETURNING *) SELECT * FROM told ORDER BY number")
        parts = [
            (operation, [bytes(row[-1]) for row in rows])
            for operation, rows in groupby(told.fetchall(), key=lambda row: row[1])
        ]
        assert [(operation, len(keys)) for operation, keys in parts] == expected
        assert all(keys == sorted(keys) for _, keys in parts)


def test_what_a_handler_defers_is_checked_before_others_could_wait_for_its_row(
    store: PostgresqlStore, connection: psycopg.Connection[Any]
) -> None:
    """A check at the end of a transaction may wait for another one's: the row of the message is not held meanwhile."""
    connection.execute(_LATE_CHECK)

    with store.transaction(acquire(store)) as handlers:
        handlers.execute("INSERT INTO effect VALUES ('effect')")

    assert connection.execute("SELECT count(*) FROM effect").fetchone() == (1,)
    assert store.claim([KEY]) == [Done()]


def test_an_open_transaction_does_not_stop_pruning(
    store: PostgresqlStore, connection: psycopg.Connection[Any], postgresql_url: str
) -> None:
    """What somebody holds locked is left for the next time."""
    store.complete([acquire(store), acquire(store, Key("scope", "other"))])
    connection.execute("UPDATE amqptool_dedup SET since = 0, until = 0")
    with psycopg.connect(postgresql_url) as other:
        other.execute("SELECT FROM amqptool_dedup LIMIT 1 FOR UPDATE")
        assert store.prune() == 1

    assert store.prune() == 1


def test_what_is_to_be_pruned_is_found_by_an_index(store: PostgresqlStore, connection: psycopg.Connection[Any]) -> None:
    """Nothing that is young is read for it."""
    store.complete([claim for claim in store.claim(many(PRUNE_BATCH)) if isinstance(claim, Acquired)])
    connection.execute("ANALYZE amqptool_dedup")

    plan = connection.execute("EXPLAIN SELECT FROM amqptool_dedup WHERE since < 5 ORDER BY since LIMIT 10").fetchall()

    assert "amqptool_dedup_since" in str(plan)


def test_a_batch_is_found_by_the_index_whatever_statistics_say(
    store: PostgresqlStore, connection: psycopg.Connection[Any]
) -> None:
    """Also when they were taken while nothing was claimed."""
    store.complete([claim for claim in store.claim(many(PRUNE_BATCH)) if isinstance(claim, Acquired)])
    connection.execute("ANALYZE amqptool_dedup")
    proofs = store._proofs([Acquired(key, "token", 1) for key in many(500)])
    values = {**proofs, "state": 2, "seconds": 1.0, "now": None}

    plan = str(store._line.connected().execute(f"EXPLAIN {WRITE}", values).fetchall())

    assert "Index Cond: (key = claim.key)" in plan
    assert "Seq Scan" not in plan


def test_names_of_owners_do_not_pile_up(postgresql_url: str, connection: psycopg.Connection[Any]) -> None:
    """One that has claimed nothing since a day before the retention began is forgotten; its rows need not be."""
    now = [1e9]
    for day in range(6):
        settings = {"clock": lambda: now[0], "retention": 1.5 * DAY, "lease": 10 * DAY, "owner": f"worker {day}"}
        with closing(PostgresqlStore(postgresql_url, **settings)) as store:
            store.claim([Key("scope", f"{day}")])
            store.prune()
        now[0] += DAY

    names = connection.execute("SELECT name FROM amqptool_dedup_owner ORDER BY name").fetchall()
    assert names == [(b"worker 3",), (b"worker 4",), (b"worker 5",)]
    assert connection.execute("SELECT count(*) FROM amqptool_dedup").fetchone() == (6,)


def test_an_owner_that_goes_on_claiming_keeps_its_name(
    postgresql_url: str, connection: psycopg.Connection[Any]
) -> None:
    """However long its process runs."""
    now = [1e9]
    with closing(PostgresqlStore(postgresql_url, clock=lambda: now[0], retention=DAY, owner="worker")) as store:
        for day in range(5):
            store.claim([Key("scope", f"{day}")])
            store.prune()
            now[0] += DAY

    assert connection.execute("SELECT name FROM amqptool_dedup_owner").fetchall() == [(b"worker",)]


def test_a_claim_of_an_owner_that_is_forgotten_holds_until_its_lease_ends(
    postgresql_url: str, connection: psycopg.Connection[Any]
) -> None:
    """It is as that of another machine's process: nothing but the lease is known."""
    now = [1e9]
    with closing(PostgresqlStore(postgresql_url, clock=lambda: now[0], lease=10)) as store:
        claim = acquire(store)
        connection.execute("DELETE FROM amqptool_dedup_owner")

        assert [entry.row.owner for entry in store.find("id")] == [""]
        assert (store.claim([KEY]), store.forget([KEY])) == ([Busy()], [False])
        store.renew([claim])
        now[0] += 10
        assert isinstance(store.claim([KEY])[0], Acquired)


def test_an_owner_that_was_forgotten_is_named_anew(postgresql_url: str, connection: psycopg.Connection[Any]) -> None:
    """A process that had nothing to do for long goes on under a number that nobody ever had."""
    with closing(PostgresqlStore(postgresql_url, owner="worker")) as store:
        store.claim([KEY])
        connection.execute("DELETE FROM amqptool_dedup_owner")
        store.prune()
        store.claim([Key("scope", "other")])

        assert [store.find(name)[0].row.owner for name in ("id", "other")] == ["", "worker"]


def test_threads_that_need_a_connection_at_once_make_one(postgresql_url: str) -> None:
    """Handlers ask for a scope's number, too; after a loss they and the store all find the connection gone."""
    together = Barrier(8)

    def ask(_number: int) -> int:
        together.wait(30)
        [[backend]] = line.ask("SELECT pg_backend_pid()", {})
        return int(backend)

    with closing(Line(Server(postgresql_url))) as line, ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1


def many(count: int) -> list[Key]:
    """Name so many keys."""
    return [Key("scope", str(number)) for number in range(count)]
