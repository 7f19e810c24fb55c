"""The SQLite store: its file, other processes, and everything that can happen to a file."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event
from uuid import UUID

import pytest

from amqptool.dedup.ids import stored_id
from amqptool.dedup.interface import Acquired, Busy, Done, Key
from amqptool.dedup.sqlite import _FIND, SqliteStore
from amqptool.dedup.sqlite_file import FORMER_APPLICATION_ID, SCHEMA_VERSION
from amqptool.errors import DedupError
from tests.support.sqlite_files import OtherProcess, contents, run_sql

KEY, OTHER = Key("scope", "id"), Key("scope", "other")
FAR_FUTURE = 10.0**9


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a file that is not there, in a directory that is not there either."""
    return tmp_path / "state" / "dedup.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    """Open a store whose leases outlast every test."""
    store = SqliteStore(path, lease=FAR_FUTURE)
    yield store
    store.close()


def acquire(store: SqliteStore, key: Key = KEY) -> Acquired:
    """Claim a key that is free."""
    [claim] = store.claim([key])
    assert isinstance(claim, Acquired)
    return claim


def mode(path: Path) -> int:
    """Return a file's permissions."""
    return stat.S_IMODE(path.stat().st_mode)


# -- the file --


@pytest.fixture
def generous_umask() -> Iterator[None]:
    """Let new files be open to everybody, as far as the umask decides."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("generous_umask")
def test_the_files_are_private(path: Path) -> None:
    """Whatever the umask, the directory is 0700 and the file, its -wal and its -shm are 0600."""
    store = SqliteStore(path)
    acquire(store)

    assert mode(path.parent) == 0o700
    assert {file.name: mode(file) for file in path.parent.iterdir()} == {
        "dedup.db": 0o600,
        "dedup.db-wal": 0o600,
        "dedup.db-shm": 0o600,
    }
    store.close()


def test_a_directory_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    """Only a directory of our own making is made private; others belong to somebody."""
    tmp_path.chmod(0o755)
    SqliteStore(tmp_path / "dedup.db").close()

    assert mode(tmp_path) == 0o755


def test_parents_are_made(tmp_path: Path) -> None:
    """Directories on the way are made as needed."""
    path = tmp_path / "a" / "b" / "dedup.db"
    SqliteStore(path).close()

    assert path.is_file()


def test_done_waits_for_the_disk_and_claims_do_not(store: SqliteStore) -> None:
    """The file has a write-ahead log; DONE is synchronous=FULL (2), claims are NORMAL (1)."""

    def setting(name: str) -> object:
        return store._connection.execute(f"PRAGMA {name}").fetchone()[0]

    claim = acquire(store)
    assert (setting("journal_mode"), setting("synchronous")) == ("wal", 1)
    store.complete([claim])
    assert setting("synchronous") == 2
    store.release([claim], failed=False)
    assert setting("synchronous") == 1


def test_an_empty_file_is_taken(path: Path) -> None:
    """A file of no bytes, as `mktemp` leaves it, becomes a store."""
    path.parent.mkdir()
    path.touch()
    store = SqliteStore(path)

    assert acquire(store).attempt == 1
    store.close()


def test_reopening_keeps_everything(path: Path) -> None:
    """What was done is done after a restart, failures stay counted, and a live claim stays busy."""
    store = SqliteStore(path)
    store.complete([acquire(store, Key("s", "done"))])
    store.release([acquire(store, Key("s", "failed"))], failed=True)
    acquire(store, Key("s", "held"))
    store.close()

    store = SqliteStore(path)
    done, failed, held = store.claim([Key("s", name) for name in ("done", "failed", "held")])

    assert (done, held) == (Done(), Busy())
    assert isinstance(failed, Acquired)
    assert failed.attempt == 2
    store.close()


def test_a_closed_store_says_so(path: Path) -> None:
    """Using a store after it was closed is a DedupError."""
    store = SqliteStore(path)
    store.close()

    with pytest.raises(DedupError, match="closed"):
        store.claim([KEY])


def test_a_store_that_is_closed_in_the_middle_of_a_call_ends_after_it(path: Path) -> None:
    """Closing does not wait for the call of another thread, and takes nothing from under it."""
    begun, closed = Event(), Event()

    def time_of_a_slow_call() -> float:
        begun.set()
        assert closed.wait(30)
        return 0.0

    with ThreadPoolExecutor(1) as pool:
        store = SqliteStore(path, clock=time_of_a_slow_call)
        claiming = pool.submit(acquire, store)
        assert begun.wait(30)
        store.close()
        closed.set()
        claiming.result(30)

    with pytest.raises(DedupError, match="closed"):
        store.claim([KEY])
    assert list(path.parent.iterdir()) == [path]  # nothing has it open


@pytest.mark.parametrize("call", ["complete", "release", "renew", "claim"])
def test_a_batch_that_fails_half_way_leaves_nothing(path: Path, store: SqliteStore, call: str) -> None:
    """Each call is one transaction: when it fails in the middle, none of it counts."""
    claims = [claim for claim in store.claim([KEY, OTHER]) if isinstance(claim, Acquired)]
    before = [store.find("id"), store.find("other")]
    calls: dict[str, Callable[[], object]] = {
        "claim": lambda: store.claim([Key("s", "new"), Key("s", "bad")]),
        "complete": lambda: store.complete(claims),
        "release": lambda: store.release(claims, failed=True),
        "renew": lambda: store.renew(claims),
    }
    unwanted = ", ".join(f"x'{stored_id(name).hex()}'" for name in ("other", "bad"))
    for when in ("UPDATE", "INSERT"):
        run_sql(
            path,
            f"CREATE TRIGGER no_{when} BEFORE {when} ON amqptool_dedup WHEN new.id IN ({unwanted}) "
            "BEGIN SELECT raise(ABORT, 'no room for it'); END",
        )

    with pytest.raises(DedupError, match="no room for it"):
        calls[call]()

    assert [store.find("id"), store.find("other"), store.find("new")] == [*before, []]


# -- what is no store of ours --


def test_a_file_of_an_earlier_amqptool_is_refused_and_left_alone(tmp_path: Path) -> None:
    """What is done there must not be forgotten silently, and not a byte of it or next to it changes."""
    run_sql(tmp_path / "old.db", f"PRAGMA application_id = {FORMER_APPLICATION_ID}", "PRAGMA user_version = 3")
    before = contents(tmp_path)

    with pytest.raises(DedupError, match=r"old\.db: it was made by an earlier amqptool: name another file"):
        SqliteStore(tmp_path / "old.db")

    assert contents(tmp_path) == before


@pytest.mark.parametrize("version", [SCHEMA_VERSION - 1, SCHEMA_VERSION + 1, None])
def test_another_schema_version_is_refused_and_left_alone(path: Path, version: int | None) -> None:
    """Tables of another amqptool are refused with both versions named, and not a byte of the file changes."""
    SqliteStore(path).close()
    run_sql(path, "DELETE FROM amqptool_dedup_schema")
    if version is not None:
        run_sql(path, f"INSERT INTO amqptool_dedup_schema VALUES ({version})")
    before = contents(path.parent)

    with pytest.raises(DedupError, match=f"version {version}, and this amqptool needs {SCHEMA_VERSION}"):
        SqliteStore(path)

    assert contents(path.parent) == before


@pytest.mark.parametrize(
    "content",
    [b"a text file, long enough to hold a header of SQLite" * 100, b"SQLite format 3\x00" + b"\xff" * 8192],
    ids=["text", "broken"],
)
def test_what_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    """A file that is no database, or a broken one, is never silently begun anew."""
    path = tmp_path / "file"
    path.write_bytes(content)

    with pytest.raises(DedupError, match=f"cannot open dedup store {path}: "):
        SqliteStore(path)

    assert contents(tmp_path) == {"file": content}


def test_a_directory_is_refused(tmp_path: Path) -> None:
    """A path that is a directory is an error that names it."""
    with pytest.raises(DedupError, match=f"cannot open dedup store {tmp_path}: "):
        SqliteStore(tmp_path)


@pytest.mark.parametrize(
    ("name", "words"), [("file/dedup.db", "File exists"), ("file/state/dedup.db", "Not a directory")]
)
def test_a_place_where_nothing_can_be_made_is_refused(tmp_path: Path, name: str, words: str) -> None:
    """Where no file can be made, here under a regular file, the error says so in the system's words."""
    (tmp_path / "file").touch()

    with pytest.raises(DedupError, match=words):
        SqliteStore(tmp_path / name)


# -- what happens to the file while it is open --

CALLS: dict[str, Callable[[SqliteStore, Acquired], object]] = {
    "claim": lambda store, _: store.claim([OTHER]),
    "complete": lambda store, claim: store.complete([claim]),
    "release": lambda store, claim: store.release([claim], failed=True),
    "renew": lambda store, claim: store.renew([claim]),
    "prune": lambda store, _: store.prune(),
}


@pytest.mark.parametrize("call", CALLS)
def test_an_unlinked_file_is_noticed(path: Path, store: SqliteStore, call: str) -> None:
    """SQLite would go on writing into a deleted file: every call is a DedupError instead."""
    claim = acquire(store)
    path.unlink()

    with pytest.raises(DedupError, match="No such file"):
        CALLS[call](store, claim)


@pytest.mark.parametrize("call", CALLS)
def test_a_replaced_file_is_noticed_and_left_alone(path: Path, store: SqliteStore, call: str) -> None:
    """When another file stands at the path, every call is a DedupError and that file is not touched."""
    claim = acquire(store)
    replacement = path.with_name("replacement")
    SqliteStore(replacement).close()
    before = replacement.read_bytes()
    replacement.replace(path)

    with pytest.raises(DedupError, match="replaced by another one"):
        CALLS[call](store, claim)

    assert path.read_bytes() == before


def test_a_file_that_comes_back_works_again(path: Path, store: SqliteStore) -> None:
    """Moved away and back, the file is the same one, and nothing of it is lost."""
    claim = acquire(store)
    away = path.with_name("away")
    path.rename(away)
    with pytest.raises(DedupError):
        store.complete([claim])
    away.rename(path)

    assert store.complete([claim]) == [True]


@pytest.mark.parametrize("call", CALLS)
def test_broken_pages_are_an_error_of_each_call(path: Path, call: str) -> None:
    """E4: behind the pages that are read to open it nothing is begun anew either."""
    with closing(SqliteStore(path)) as store:
        claim = acquire(store)
    content = path.read_bytes()
    opened = 2 * 4096  # what tables there are, and the version of ours
    path.write_bytes(content[:opened] + b"\xff" * (len(content) - opened))

    with closing(SqliteStore(path)) as store, pytest.raises(DedupError, match="malformed"):
        CALLS[call](store, claim)


def test_a_full_disk_is_an_error_that_passes(path: Path, others: Callable[..., OtherProcess]) -> None:
    """With no room left every write is a DedupError; with room again the store goes on where it was."""
    other = others(path)
    assert other.ask("claim('before')") == "['Acquired']"
    other.ask("limit(100_000)")

    assert "cannot use dedup store" in other.ask("fill()")
    assert other.ask("claim('during')").startswith("DedupError")
    other.ask("limit(resource.RLIM_INFINITY)")

    assert other.ask("claim('before', 'during')") == "['Busy', 'Acquired']"


# -- other processes --


def test_two_processes_race_for_each_key(path: Path, others: Callable[..., OtherProcess]) -> None:
    """Of two processes that claim the same keys at the same time, exactly one acquires each."""
    processes = [others(path), others(path)]
    names = [str(number) for number in range(50)]
    for process in processes:
        process.send(f"[claim(name)[0] for name in {names!r}]")

    answers = [eval(process.answer()) for process in processes]

    for pair in zip(*answers, strict=True):
        assert sorted(pair) == ["Acquired", "Busy"]
    assert len(answers[0]) == 50


def test_processes_race_to_make_the_file(tmp_path: Path, others: Callable[..., OtherProcess]) -> None:
    """Workers that start together on a file that is not there yet all open it."""
    processes = [others() for _ in range(6)]
    paths = [str(tmp_path / f"{number}.db") for number in range(20)]
    assert [process.ask("'ready'") for process in processes] == ["ready"] * 6

    for process in processes:
        process.send(f"open_all(*{paths!r})")

    assert {process.answer() for process in processes} == {str([None] * 20)}


def test_done_is_seen_by_other_processes(path: Path, store: SqliteStore, others: Callable[..., OtherProcess]) -> None:
    """What one process did is done for all."""
    store.complete([acquire(store)])

    assert others(path).ask("claim('id', 'other')") == "['Done', 'Acquired']"


def test_a_claim_of_a_live_process_is_busy(path: Path, store: SqliteStore, others: Callable[..., OtherProcess]) -> None:
    """While its owner lives and its lease runs, a claim holds against other processes."""
    other = others(path)
    other.ask("claim('id')")

    assert store.claim([KEY]) == [Busy()]


def test_a_claim_of_a_killed_process_is_free_at_once(
    path: Path, store: SqliteStore, others: Callable[..., OtherProcess]
) -> None:
    """A claim whose owner is gone is taken over in the same attempt, however long its lease still runs."""
    other = others(path)
    assert other.ask("claim('id', 'other')") == "['Acquired', 'Acquired']"
    other.end()

    claim = acquire(store)

    assert claim.attempt == 1
    assert store.complete([claim]) == [True]
    assert store.claim([KEY]) == [Done()]


def test_a_claim_of_a_live_process_outlasts_its_lease(path: Path, others: Callable[..., OtherProcess]) -> None:
    """Its owner may be kept from renewing it by a transaction of a handler's, and still be at work."""
    other = others(path)
    other.ask("claim('id')")

    with closing(SqliteStore(path, clock=lambda: FAR_FUTURE * 10)) as store:
        assert store.claim([KEY]) == [Busy()]
        assert store.forget([KEY]) == [False]
        other.kill()
        assert isinstance(store.claim([KEY])[0], Acquired)


def test_an_old_claim_in_front_keeps_nothing_behind_it(path: Path) -> None:
    """The oldest rows are looked at, and the one that must stay is passed over."""
    now = [1000.0]
    with closing(SqliteStore(path, clock=lambda: now[0], lease=1e9, retention=10)) as store:
        store.claim([Key("scope", "held")])
        store.complete([claim for claim in store.claim([KEY]) if isinstance(claim, Acquired)])
        now[0] += 11

        assert store.prune() == 1
        assert [entry.key.message_id for entry in store.find("held")] == ["held"]
        assert store.find(KEY.message_id) == []


def test_a_store_that_is_pruned_does_not_grow(path: Path) -> None:
    """E15: what is forgotten makes room for what comes."""
    now = [1000.0]
    pages = []
    with closing(SqliteStore(path, clock=lambda: now[0], retention=10)) as store:
        for day in range(4):
            keys = [Key("scope", str(UUID(int=day * 1000 + number))) for number in range(1000)]
            store.complete([claim for claim in store.claim(keys) if isinstance(claim, Acquired)])
            now[0] += 11
            while store.prune():
                pass
            with closing(sqlite3.connect(path)) as connection:
                pages += connection.execute("PRAGMA page_count").fetchone()

    assert pages[0] > 10
    assert pages[3] <= pages[1]


def names(path: Path) -> list[str]:
    """Return the names of scopes and owners that are kept."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT name FROM amqptool_dedup_name ORDER BY name").fetchall()
    return [name.decode() for (name,) in found]


def test_names_of_owners_do_not_pile_up(path: Path) -> None:
    """A name goes once no row has it, and not before."""
    now = [1000.0]
    for number in range(6):
        settings = {"clock": lambda: now[0], "retention": 25, "owner": f"worker {number}"}
        with closing(SqliteStore(path, **settings)) as store:
            store.prune()
            claim = acquire(store, Key("scope", f"{number}"))
            store.complete([claim])
        now[0] += 10

    assert names(path) == ["scope", "worker 3", "worker 4", "worker 5"]
    with closing(SqliteStore(path)) as store:
        assert [store.find(f"{number}")[0].row.owner for number in (3, 4, 5)] == ["worker 3", "worker 4", "worker 5"]


def test_names_go_with_the_last_row(path: Path) -> None:
    """Of a store in which nothing is remembered no names are kept, but those that somebody uses come back."""
    now = [1000.0]
    with closing(SqliteStore(path, clock=lambda: now[0], retention=10, owner="worker")) as store:
        store.complete([acquire(store)])
        now[0] += 11
        while store.prune():
            pass
        assert names(path) == []

        claim = acquire(store)
        assert names(path) == ["scope", "worker"]
        assert store.complete([claim]) == [True]
        assert store.claim([KEY]) == [Done()]


def test_a_name_that_is_used_again_stays(path: Path) -> None:
    """An owner that takes a row over is kept for it, though its own rows are gone."""
    now = [1000.0]

    def open_as(owner: str) -> SqliteStore:
        return SqliteStore(path, clock=lambda: now[0], retention=20, lease=1, owner=owner)

    with closing(open_as("first")) as first, closing(open_as("heir")) as heir:
        heir.complete([acquire(heir, OTHER)])
        heir.prune()
        acquire(first)
        now[0] += 15
        heir.complete([acquire(heir)])
        now[0] += 10
        assert [heir.prune() for _ in range(3)] == [1, 0, 0]

        assert [entry.row.owner for entry in heir.find("id")] == ["heir"]
        assert names(path) == ["first", "heir", "scope"]


def test_a_process_outlives_its_name(path: Path, store: SqliteStore, others: Callable[..., OtherProcess]) -> None:
    """One that has used its name before does not rely on its number, which may be another's by then."""
    other = others(path)
    other.ask("store.discard(store.claim([Key('scope', 'id')]))")
    store.prune()
    store.prune()
    assert names(path) == []
    with closing(SqliteStore(path, owner="another")) as another:
        another.claim([Key("another scope", "id")])

    assert other.ask("claim('id')") == "['Acquired']"
    assert store.claim([KEY]) == [Busy()]
    other.kill()
    assert isinstance(store.claim([KEY])[0], Acquired)


@pytest.mark.usefixtures("store")
def test_an_id_is_found_by_an_index(path: Path) -> None:
    """However many ids there are, looking for one does not read the others."""
    with closing(sqlite3.connect(path)) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {_FIND}", ("id",)).fetchall()

    assert "SEARCH amqptool_dedup USING INDEX" in str(plan)


def test_a_zombie_holds_nothing(path: Path, store: SqliteStore, others: Callable[..., OtherProcess]) -> None:
    """A killed process whose parent has not noticed yet counts as dead."""
    other = others(path)
    other.ask("claim('id')")
    other.kill()

    assert isinstance(store.claim([KEY])[0], Acquired)


def test_done_of_a_killed_process_stays(path: Path, store: SqliteStore, others: Callable[..., OtherProcess]) -> None:
    """DONE outlives its process, even one that was killed right after it."""
    other = others(path)
    assert other.ask("store.complete(store.claim([Key('scope', 'id')]))") == "[True]"
    other.kill()

    assert store.claim([KEY]) == [Done()]


def test_a_second_store_of_one_process_does_not_expose_the_first(
    path: Path, store: SqliteStore, others: Callable[..., OtherProcess]
) -> None:
    """Opening the file again in one process keeps its locks, so another process never deletes our log.

    Closing any descriptor of a file drops all POSIX locks of the process on it (sqlite.org/howtocorrupt).
    """
    claim = acquire(store)
    second = SqliteStore(path)
    assert others().ask(f"open_all({str(path)!r})") == "[None]"

    assert store.complete([claim]) == [True]

    assert others(path).ask("claim('id')") == "['Done']"
    second.close()


HOLD = "setattr(sys, 'held', sqlite3.connect({!r}, isolation_level=None)) or sys.held.execute('BEGIN EXCLUSIVE')"


def test_a_short_lock_is_waited_for(path: Path, store: SqliteStore, others: Callable[..., OtherProcess]) -> None:
    """While another process writes, a call waits, and goes on when it may."""
    other = others()
    other.ask(HOLD.format(str(path)))

    with ThreadPoolExecutor(1) as pool:
        claiming = pool.submit(store.claim, [KEY])
        assert not claiming.done()
        other.ask("sys.held.rollback()")
        [claim] = claiming.result(30)

    assert isinstance(claim, Acquired)


def test_a_long_lock_is_an_error_that_passes(
    path: Path, store: SqliteStore, others: Callable[..., OtherProcess]
) -> None:
    """A lock held for longer than the busy timeout is a DedupError; afterwards the store works again."""
    other = others()
    other.ask(HOLD.format(str(path)))

    with pytest.raises(DedupError, match="locked"):
        store.claim([KEY])
    other.ask("sys.held.rollback()")

    assert isinstance(store.claim([KEY])[0], Acquired)
