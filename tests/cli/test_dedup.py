"""`amqptool dedup`, as a user or a script runs it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from amqptool.dedup import open_store
from amqptool.dedup.interface import Acquired, Key
from amqptool.dedup.sqlite import SqliteStore
from tests.support.cli import run_cli
from tests.support.sqlite_files import run_sql

DONE, CLAIMED, RELEASED, NEVER = (f"0198c2f0-0000-4000-8000-00000000000{number}" for number in range(4))
SCOPE = "rabbit@host//orders"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Give a store with a key in each state, and the worker that holds one of them."""
    store = SqliteStore(tmp_path / "dedup.db")
    keys = [Key(SCOPE, each) for each in (DONE, CLAIMED, RELEASED)]
    done, _, released = [claim for claim in store.claim(keys) if isinstance(claim, Acquired)]
    store.complete([done])
    store.release([released], failed=True)
    yield f"sqlite:///{tmp_path}/dedup.db"
    store.close()


def test_stats_counts_each_scope(url: str) -> None:
    """A line for each scope, and the same as JSON."""
    assert run_cli("dedup", "stats", "--dedup", url).stdout == f"{SCOPE}: 1 done, 1 claimed, 1 released\n"

    document = json.loads(run_cli("dedup", "stats", "--dedup", url, "--json").stdout)
    assert document == {
        "kind": "dedup stats", "code": 0, "scopes": [{"scope": SCOPE, "claimed": 1, "done": 1, "released": 1}],
    }  # fmt: skip


def test_show_tells_what_is_known_of_an_id(url: str) -> None:
    """An id may be written in any way; it is shown with its state and its attempt."""
    result = run_cli("dedup", "show", RELEASED.upper(), "--dedup", url)

    assert result.returncode == 0
    assert result.stdout.startswith(f"{RELEASED} released in {SCOPE}, attempt 2, until 20")


def test_an_unknown_id_is_a_failure(url: str) -> None:
    """Exit 1, or 3 when others are known."""
    alone = run_cli("dedup", "show", NEVER, "--dedup", url)
    assert (alone.returncode, alone.stdout) == (1, "")
    assert alone.stderr == f"amqptool: error: {NEVER}: nothing is known of it\n"

    both = run_cli("dedup", "show", DONE, NEVER, "--dedup", url, "--json")
    assert both.returncode == 3
    document = json.loads(both.stdout)
    assert [entry["state"] for entry in document["entries"]] == ["done"]
    assert document["failures"] == [
        {"message_id": NEVER, "error": "NotFound", "message": f"{NEVER}: nothing is known of it"},
    ]


def test_another_scope_is_not_looked_into(url: str) -> None:
    """--dedup-scope narrows what is shown and forgotten."""
    assert run_cli("dedup", "show", DONE, "--dedup-scope", "audit", "--dedup", url).returncode == 1
    assert run_cli("dedup", "forget", DONE, "--dedup-scope", "audit", "--dedup", url).returncode == 1
    assert run_cli("dedup", "show", DONE, "--dedup-scope", SCOPE, "--dedup", url).returncode == 0


def test_forget_lets_a_message_be_handled_again(url: str) -> None:
    """What is done goes, and is unknown afterwards."""
    result = run_cli("dedup", "forget", DONE, "--dedup", url)

    assert (result.returncode, result.stderr) == (0, "1 forgotten\n")
    assert run_cli("dedup", "show", DONE, "--dedup", url).returncode == 1


def test_forget_keeps_what_a_worker_is_at(url: str) -> None:
    """The worker's DONE would be lost, and the message be handled twice."""
    result = run_cli("dedup", "forget", CLAIMED, RELEASED, "--dedup", url, "--json")

    assert result.returncode == 3
    document = json.loads(result.stdout)
    assert document["forgotten"] == [{"scope": SCOPE, "message_id": RELEASED}]
    assert [(each["message_id"], each["error"]) for each in document["failures"]] == [(CLAIMED, "InUse")]
    assert "a live worker is at it" in result.stderr
    assert run_cli("dedup", "show", CLAIMED, "--dedup", url).returncode == 0


def test_prune_forgets_what_is_old(url: str) -> None:
    """Nothing here is older than the retention."""
    result = run_cli("dedup", "prune", "--dedup", url)

    assert (result.returncode, result.stderr) == (0, "0 ids pruned\n")


@pytest.mark.parametrize("command", [["stats"], ["show", DONE], ["forget", DONE], ["prune"]])
def test_a_store_that_is_not_there_is_not_made(command: list[str], tmp_path: Path) -> None:
    """Looking must not leave an empty store behind, which would look like one that remembers nothing."""
    result = run_cli("dedup", *command, "--dedup", f"sqlite:///{tmp_path}/none.db")

    assert result.returncode == 69
    assert result.stderr == f"amqptool: error: there is no dedup store in {tmp_path}/none.db\n"
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_the_users_is_looked_into(tmp_path: Path) -> None:
    """Every command works beside tables of another program, and leaves them alone; without a store there is none."""
    url = f"sqlite:///{tmp_path}/shop.db"
    run_sql(tmp_path / "shop.db", "CREATE TABLE message (id TEXT)", "INSERT INTO message VALUES ('hello')")
    assert "there is no dedup store in" in run_cli("dedup", "stats", "--dedup", url).stderr
    with closing(SqliteStore(tmp_path / "shop.db")) as store:
        store.complete([claim for claim in store.claim([Key(SCOPE, DONE)]) if isinstance(claim, Acquired)])

    assert run_cli("dedup", "stats", "--dedup", url).stdout == f"{SCOPE}: 1 done, 0 claimed, 0 released\n"
    assert run_cli("dedup", "show", DONE, "--dedup", url).stdout.startswith(f"{DONE} done in {SCOPE}")
    assert run_cli("dedup", "prune", "--dedup", url).stderr == "0 ids pruned\n"
    assert run_cli("dedup", "forget", DONE, "--dedup", url).stderr == "1 forgotten\n"
    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop:
        assert shop.execute("SELECT * FROM message").fetchall() == [("hello",)]


@pytest.mark.parametrize(("url", "code"), [("memory:", 78), ("mysql://x", 78), ("none", 78)])
def test_a_store_that_cannot_be_looked_into(url: str, code: int) -> None:
    """Memory is the worker's own, and other URLs name no store."""
    result = run_cli("dedup", "stats", "--dedup", url)

    assert result.returncode == code
    assert "memory:" in result.stderr


def test_an_id_that_is_no_uuid_is_bad_input(url: str) -> None:
    """Nothing is ever remembered of such ids, and nothing else is done."""
    result = run_cli("dedup", "forget", DONE, "order-7", "--dedup", url)

    assert result.returncode == 65
    assert "'order-7' is no UUID" in result.stderr
    assert run_cli("dedup", "show", DONE, "--dedup", url).returncode == 0


@pytest.mark.parametrize("kind", ["postgresql", "redis"])
def test_a_store_on_a_server_is_looked_into(kind: str, request: pytest.FixtureRequest) -> None:
    """Each command works on each kind of store."""
    url = request.getfixturevalue(f"{kind}_url")
    with closing(open_store(url)) as store:
        [claim] = [each for each in store.claim([Key(SCOPE, DONE)]) if isinstance(each, Acquired)]
        store.complete([claim])

    outputs = [
        run_cli("dedup", *words, "--dedup", url).stdout
        for words in (["stats"], ["show", DONE], ["forget", DONE], ["stats"], ["prune"])
    ]

    assert outputs[0] == f"{SCOPE}: 1 done, 0 claimed, 0 released\n"
    assert outputs[1].startswith(f"{DONE} done in {SCOPE}, attempt 1, until 20")
    assert outputs[2:] == ["", "", ""]


def test_a_server_that_is_away_is_told_without_its_password() -> None:
    """Exit 69, as for a broker that is away."""
    for url in ("postgresql://ann:s3cret@localhost:1/db", "redis://:s3cret@localhost:1"):
        result = run_cli("dedup", "stats", "--dedup", url)

        assert (result.returncode, result.stdout) == (69, "")
        assert "cannot open dedup store" in result.stderr
        assert "s3cret" not in result.stderr
