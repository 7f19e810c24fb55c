"""A dedup store's URL, and the store it names."""

from __future__ import annotations

import socket
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from amqptool.dedup import open_existing, open_store
from amqptool.dedup.interface import Acquired, Done, Key
from amqptool.dedup.memory import MemoryStore
from amqptool.dedup.sqlite import SqliteStore
from amqptool.errors import ConfigError, DedupError
from amqptool.settings.paths import dedup_url


def test_memory_is_a_store_in_memory() -> None:
    """`memory:` is a store of its own every time."""
    one, other = open_store("memory:"), open_store("memory:")
    one.claim([Key("s", "id")])

    assert isinstance(one, MemoryStore)
    assert other.claim([Key("s", "id")]) != one.claim([Key("s", "id")])


def test_four_slashes_are_an_absolute_path(tmp_path: Path) -> None:
    """`sqlite:////path` is a file at an absolute path."""
    store = open_store(f"sqlite:///{tmp_path}/dedup.db")

    assert isinstance(store, SqliteStore)
    assert (tmp_path / "dedup.db").is_file()
    store.close()


def test_three_slashes_are_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sqlite:///path` is a file below the working directory."""
    monkeypatch.chdir(tmp_path)
    open_store("sqlite:///state/dedup.db").close()

    assert (tmp_path / "state" / "dedup.db").is_file()


@pytest.mark.parametrize("name", ["a b.db", "100%.db", "x?mode=ro.db", "%41.db", "č#.db"])
def test_a_path_is_taken_as_it_stands(tmp_path: Path, name: str) -> None:
    """Nothing in a path has a meaning: neither escapes nor options."""
    open_store(f"sqlite:///{tmp_path}/{name}").close()

    assert (tmp_path / name).is_file()


def test_the_same_url_is_the_same_store(tmp_path: Path) -> None:
    """Whoever opens the default URL again finds what was done."""
    url = dedup_url({"XDG_STATE_HOME": str(tmp_path)})
    store = open_store(url)
    [claim] = store.claim([Key("s", "id")])
    assert isinstance(claim, Acquired)
    store.complete([claim])
    store.close()

    store = open_store(url)
    assert store.claim([Key("s", "id")]) == [Done()]
    store.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "memory",
        "memory:x",
        "Memory:",
        "sqlite:",
        "sqlite://",
        "sqlite:///",
        "sqlite://host/path",
        "/var/lib/dedup.db",
        "redis:",
        "postgres",
        "mysql://ann:s3cret@localhost/db",
    ],
)
def test_what_names_no_store_is_refused(url: str) -> None:
    """Any other URL is a configuration error that says what there is, and repeats no password."""
    with pytest.raises(ConfigError) as caught:
        open_store(url)

    for form in ("memory:", "sqlite:///path", "postgresql://host/database", "redis://host/number"):
        assert form in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:s3cret/@localhost/db",
        "postgresql://ann:s3cret@localhost:s3cret/db",
        "postgresql://ann:s3cret%@localhost/db",
        "postgresql://:pass@s3cret@[v1.x]:65536/0",
        "postgresql://ann:pass@s3cret@localhost/db",
        "postgresql://ann:s3cret@localhost/db?s3cret=1",
        "postgresql://ann:5432/s3cret@localhost/db",
        "postgresql://ann:s3cret@localhost/%ff",
        "postgresql://ann:s3cret@local\udcffhost/db",
        "postgresql://ann:s3cret@local..host/db",
        "postgresql://ann:s3cret@localhost:１/db",
        "redis://ann:s3cret@local\udcffhost",
        f"redis://ann:s3cret@{'x' * 64}",
        "redis://:s3cret/@localhost",
        "redis://:s3cret@localhost:s3cret/0",
        "redis://:s3cret@localhost/s3cret",
        "redis://:6379/s3cret@localhost",
        "redis://:s3cret@localhost/0?s3cret=1",
        "redis://:s3cret@localhost/0?socket_timeout=s3cret",
    ],
)
def test_a_url_with_a_mistake_in_it_is_refused_without_its_secret(url: str) -> None:
    """Where a password was not escaped, any part of the URL may be a part of it: none is repeated."""
    with pytest.raises(ConfigError, match="URL cannot be used") as caught:
        open_store(url)

    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "url", ["postgresql://ann:s3cret@localhost:{port}/db", "redis://ann:s3cret@localhost:{port}/3"]
)
def test_a_server_that_cannot_be_reached_is_named_without_its_secret(url: str) -> None:
    """The error says where it was looked for."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = url.format(port=nobody.getsockname()[1])
        with pytest.raises(DedupError) as caught:
            open_store(url)

    assert f"cannot open dedup store {url.replace('ann:s3cret@', '')}: " in str(caught.value)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("url", "library", "extra"), [("postgresql://h/db", "psycopg", "postgresql"), ("redis://h", "redis", "redis")]
)
def test_a_missing_library_is_named_with_its_extra(url: str, library: str, extra: str) -> None:
    """Who did not install an optional library is told how to."""
    code = f"import sys; sys.modules[{library!r}] = None; from amqptool import open_store; open_store({url!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert f"ConfigError: a dedup store in {extra.title().replace('sql', 'SQL')} needs a library" in done.stderr
    assert f"pip install 'amqptool[{extra}]'" in done.stderr


@pytest.mark.parametrize("kind", ["postgresql", "redis"])
def test_what_others_filled_is_opened(kind: str, request: pytest.FixtureRequest) -> None:
    """A store on a server is found by its URL."""
    url = request.getfixturevalue(f"{kind}_url")
    store = open_store(url)
    [claim] = store.claim([Key("s", "id")])
    assert isinstance(claim, Acquired)
    store.complete([claim])
    store.close()

    store = open_existing(url)
    assert store.claim([Key("s", "id")]) == [Done()]
    store.close()


def test_nothing_is_made_where_nothing_is_looked_for(postgresql_url: str) -> None:
    """Looking into a database without a store is an error, and makes none."""
    for _ in range(2):
        with pytest.raises(DedupError, match="there is no dedup store in postgresql://127"):
            open_existing(postgresql_url)


def test_a_store_that_cannot_be_opened_is_a_dedup_error(tmp_path: Path) -> None:
    """A URL that is right and a file that is not: the store cannot be used."""
    with pytest.raises(DedupError):
        open_store(f"sqlite:///{tmp_path}")
