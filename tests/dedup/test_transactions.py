"""A handler's own transaction: its effect and DONE are both there, or both not."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier, Event

import psycopg
import pytest

from amqptool.dedup.interface import Acquired, Busy, ClaimLost, Done, Key, State
from amqptool.dedup.postgresql import PostgresqlStore
from amqptool.dedup.sqlite import SqliteStore
from amqptool.errors import DedupError, HandlerError
from tests.support.places import Place, Store
from tests.support.servers import PrivatePostgresql

KEY, OTHER = Key("scope", "id"), Key("scope", "other")


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    """Open the store."""
    with closing(place.open()) as store:
        yield store


def acquire(store: Store, key: Key = KEY) -> Acquired:
    """Claim a key that is free."""
    [claim] = store.claim([key])
    assert isinstance(claim, Acquired)
    return claim


def act(store: Store, claim: Acquired, name: str = "effect") -> None:
    """Handle a message: write its effect."""
    with store.transaction(claim) as connection:
        connection.execute(f"INSERT INTO effect VALUES ('{name}')")


def test_effect_and_done_are_both_there(place: Place, store: Store) -> None:
    """When the block ends, the effect is committed, and the key is done."""
    claim = acquire(store)
    act(store, claim)

    assert place.effects() == ["effect"]
    assert store.claim([KEY]) == [Done()]


def test_nothing_is_seen_before_the_end(place: Place, store: Store) -> None:
    """Until the block ends, others see neither the effect nor DONE."""
    claim = acquire(store)
    with store.transaction(claim) as connection:
        connection.execute("INSERT INTO effect VALUES ('effect')")

        assert place.effects() == []
        assert [entry.row.state for entry in store.find("id")] == [State.CLAIMED]


def test_an_exception_leaves_nothing(place: Place, store: Store) -> None:
    """It comes through; the claim is still held, and the next transaction works."""
    claim = acquire(store)
    with pytest.raises(ZeroDivisionError), store.transaction(claim) as connection:
        connection.execute("INSERT INTO effect VALUES ('effect')")
        _ = 1 / 0

    assert (place.effects(), store.claim([KEY])) == ([], [Busy()])
    act(store, claim)
    assert (place.effects(), store.claim([KEY])) == (["effect"], [Done()])


def test_an_error_of_the_database_comes_through(place: Place, store: Store) -> None:
    """What is wrong with the handler's own statements is told in the library's own words."""
    claim = acquire(store)
    with (
        pytest.raises((sqlite3.OperationalError, psycopg.errors.UndefinedTable)),
        store.transaction(claim) as connection,
    ):
        connection.execute("INSERT INTO effect VALUES ('effect')")
        connection.execute("INSERT INTO missing VALUES (1)")

    assert place.effects() == []
    act(store, claim)
    assert place.effects() == ["effect"]


def test_an_error_that_the_handler_swallowed_leaves_no_half(place: Place, store: Store) -> None:
    """The effect is there with DONE, or the transaction that the error broke fails as a whole."""
    claim = acquire(store)
    try:
        with store.transaction(claim) as connection:
            connection.execute("INSERT INTO effect VALUES ('effect')")
            with pytest.raises((sqlite3.Error, psycopg.Error)):
                connection.execute("nonsense")
    except psycopg.errors.InFailedSqlTransaction:
        pass

    done = store.claim([KEY]) == [Done()]
    assert place.effects() == (["effect"] if done else [])


@pytest.mark.parametrize("end", ["commit", "rollback", "close"])
def test_a_transaction_that_its_handler_ended_is_not_done(place: Place, store: Store, end: str) -> None:
    """DONE would not have been in the same transaction: it is not written, and that is an error."""
    claim = acquire(store)
    with pytest.raises(HandlerError, match="ended"), store.transaction(claim) as connection:
        connection.execute("INSERT INTO effect VALUES ('effect')")
        getattr(connection, end)()

    assert [entry.row.state for entry in store.find("id")] == [State.CLAIMED]
    act(store, claim, "again")
    assert "again" in place.effects()


@pytest.mark.parametrize("failure", [ZeroDivisionError, sqlite3.IntegrityError, psycopg.IntegrityError])
def test_a_handler_that_failed_after_it_committed_has_ended_its_transaction(
    store: Store, failure: type[Exception]
) -> None:
    """What it committed is there, so its failure is not one after which it may be tried again."""
    claim = acquire(store)
    with pytest.raises(HandlerError, match="ended") as caught, store.transaction(claim) as connection:
        connection.execute("INSERT INTO effect VALUES ('effect')")
        connection.commit()
        raise failure

    assert isinstance(caught.value.__cause__, failure)


def test_a_transaction_that_sqlite_ended_is_a_failure_of_its_handler(tmp_path: Path) -> None:
    """A constraint or a trigger that rolls back leaves nothing, so the handler may be tried again."""
    place = Place(f"sqlite:///{tmp_path}/place.db")
    with place.connect() as connection:
        connection.execute("CREATE UNIQUE INDEX once ON effect (name)")
    with closing(place.open()) as store:
        claim = acquire(store)
        with pytest.raises(sqlite3.IntegrityError), store.transaction(claim) as connection:
            connection.execute("INSERT INTO effect VALUES ('effect')")
            connection.execute("INSERT OR ROLLBACK INTO effect VALUES ('effect')")

        assert place.effects() == []
        act(store, claim)
    assert place.effects() == ["effect"]


def test_a_claim_that_was_taken_over_has_no_effect(place: Place) -> None:
    """The fenced handler's transaction is rolled back, and the heir's counts."""
    now = [0.0]
    with closing(place.open(clock=lambda: now[0], lease=10, owner="another machine")) as store:
        old = acquire(store)
        now[0] = 10
        new = acquire(store)

        with pytest.raises(ClaimLost):
            act(store, old, "old")
        act(store, new, "new")

        assert (place.effects(), store.claim([KEY])) == (["new"], [Done()])


def test_a_claim_has_one_effect(place: Place, store: Store) -> None:
    """Under a claim that is done already, or that never was, nothing more is done."""
    claim = acquire(store)
    act(store, claim, "first")

    for lost in (claim, Acquired(OTHER, "never", 1)):
        with pytest.raises(ClaimLost):
            act(store, lost, "second")

    assert place.effects() == ["first"]


def test_a_constraint_that_is_deferred_fails_the_handler(place: Place, store: Store) -> None:
    """What only the commit finds is told in the library's own words, and nothing of it is there."""
    with place.connect() as connection:
        connection.execute("CREATE TABLE parent (id integer PRIMARY KEY)")
        connection.execute("CREATE TABLE child (id integer REFERENCES parent DEFERRABLE INITIALLY DEFERRED)")
    claim = acquire(store)
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)), store.transaction(claim) as connection:
        connection.execute("INSERT INTO child VALUES (2)")

    assert store.claim([KEY]) == [Busy()]
    act(store, claim)
    assert place.effects() == ["effect"]


def test_rows_may_be_of_any_kind(place: Place, store: Store) -> None:
    """A handler may have its rows as dictionaries; DONE is written all the same."""
    claim = acquire(store)
    with store.transaction(claim) as connection:
        connection.row_factory = psycopg.rows.dict_row if place.kind == "postgresql" else lambda *_: {}
        connection.execute("SELECT 1").fetchone()

    assert store.claim([KEY]) == [Done()]


def test_a_full_disk_is_no_fault_of_the_handler(tmp_path: Path) -> None:
    """A statement that finds no room is a DedupError, and so is one that found out when it was committed."""
    with closing(SqliteStore(tmp_path / "dedup.db")) as store:
        claim = acquire(store)
        with pytest.raises(DedupError, match="full"), store.transaction(claim) as connection:
            connection.execute("PRAGMA max_page_count = 1")
            connection.execute("CREATE TABLE effect (name text)")

        with store.transaction(claim):
            pass


def test_a_client_that_vanished_keeps_its_locks_for_seconds(postgresql_url: str) -> None:
    """The server looks whether the client of an open transaction is still there."""
    with closing(PostgresqlStore(postgresql_url)) as store, store.transaction(acquire(store)) as connection:
        assert connection.execute("SHOW tcp_keepalives_idle").fetchone() == ("10",)


def test_a_backend_that_is_killed_is_no_fault_of_the_handler(postgresql_url: str) -> None:
    """With its connection lost, whatever the handler raises is a DedupError, and so is going on without noticing."""
    with closing(PostgresqlStore(postgresql_url)) as store:
        claim = acquire(store)
        for statements in (1, 0):
            with pytest.raises(DedupError), store.transaction(claim) as connection:
                terminate(postgresql_url, connection.info.backend_pid)
                for _ in range(statements):
                    connection.execute("SELECT 1")

        with store.transaction(claim):
            pass
        assert store.claim([KEY]) == [Done()]


def terminate(url: str, backend: int) -> None:
    """End a backend of the server, and wait until it has gone."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 10000)", [backend])


@pytest.mark.parametrize(("step", "effects"), [("after-effect", []), ("after-commit", ["killed"])])
def test_a_killed_handler_leaves_all_or_nothing(place: Place, store: Store, step: str, effects: list[str]) -> None:
    """After a kill -9 in the middle neither is there, and the key is free at once; after the end, both are."""
    killed = subprocess.run([sys.executable, "-m", "tests.support.doomed_transaction", place.url, step], check=False)
    assert killed.returncode == -9

    assert place.effects() == effects
    [claim] = store.claim([KEY])
    assert claim == Done() if effects else isinstance(claim, Acquired)


def test_transactions_of_many_threads_all_count(place: Place, store: Store) -> None:
    """Handlers in threads of their own, while the store claims and completes, lose nothing."""
    claims = [acquire(store, Key("scope", f"{number:03}")) for number in range(40)]

    def handle(claim: Acquired) -> None:
        act(store, claim, claim.key.message_id)

    with ThreadPoolExecutor(8) as pool:
        handled = pool.map(handle, claims)
        for number in range(40):
            store.complete([acquire(store, Key("others", str(number)))])
        list(handled)

    assert place.effects() == [claim.key.message_id for claim in claims]
    assert store.claim([claim.key for claim in claims]) == [Done()] * 40


def test_claims_and_transactions_of_sqlite_take_turns(tmp_path: Path) -> None:
    """A claim waits for a handler's transaction, however long that takes, and gets the next turn."""
    with closing(SqliteStore(tmp_path / "dedup.db")) as store, ThreadPoolExecutor(3) as pool:
        claims = [acquire(store, Key("scope", str(number))) for number in range(2)]
        order: list[str] = []
        begun, may_end = Event(), Event()

        def handle(claim: Acquired, name: str) -> None:
            with store.transaction(claim):
                begun.set()
                assert may_end.wait(30)
                order.append(name)

        first = pool.submit(handle, claims[0], "first")
        assert begun.wait(30)
        claiming = pool.submit(lambda: order.append("claim") if acquire(store) else None)
        wait_for(store, 1)
        second = pool.submit(handle, claims[1], "second")
        wait_for(store, 2)
        may_end.set()
        for each in (first, claiming, second):
            each.result(30)

        assert order == ["first", "claim", "second"]


def wait_for(store: SqliteStore, waiting: int) -> None:
    """Wait until so many wait for their turn."""
    while len(store._turns._waiting) < waiting:
        pass


def test_transactions_of_postgresql_run_at_the_same_time(postgresql_url: str) -> None:
    """Each thread has a connection of its own, which is used again."""
    with closing(PostgresqlStore(postgresql_url)) as store:
        claims = [acquire(store, Key("scope", str(number))) for number in range(6)]
        together = Barrier(3)

        def handle(claim: Acquired) -> int:
            with store.transaction(claim) as connection:
                together.wait(30)
                return connection.info.backend_pid

        with ThreadPoolExecutor(3) as pool:
            backends = list(pool.map(handle, claims))

        assert len(set(backends)) == len(set(backends[:3])) == 3


def test_a_lost_server_ends_a_transaction(postgresql_server: PrivatePostgresql, postgresql_url: str) -> None:
    """With the server gone before the end it is a DedupError; afterwards the next transaction works."""
    with closing(PostgresqlStore(postgresql_url)) as store:
        kept, claim = acquire(store, OTHER), acquire(store)
        with store.transaction(kept):
            pass
        with pytest.raises(DedupError), store.transaction(claim):
            postgresql_server.restart()
        with closing(PostgresqlStore(postgresql_url)) as observer:
            assert observer.claim([KEY]) == [Busy()]

        with store.transaction(claim):
            pass
        with closing(PostgresqlStore(postgresql_url)) as observer:
            assert observer.claim([KEY]) == [Done()]


def test_done_of_a_transaction_is_on_the_disk(place: Place, store: Store) -> None:
    """The transaction's commit waits for the disk."""
    statement = {"sqlite": "PRAGMA synchronous", "postgresql": "SHOW synchronous_commit"}[place.kind]
    with store.transaction(acquire(store)) as connection:
        assert connection.execute(statement).fetchone() in [(2,), ("on",)]
