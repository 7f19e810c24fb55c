"""A dedup store's URL, and the store it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from amqptool.dedup import open_store
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
        "redis://:s3cret@localhost",
        "postgresql://ann:s3cret@localhost/db",
    ],
)
def test_what_names_no_store_is_refused(url: str) -> None:
    """Any other URL is a configuration error that says what there is, and repeats no password."""
    with pytest.raises(ConfigError) as caught:
        open_store(url)

    assert "memory: or sqlite:///path" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_store_that_cannot_be_opened_is_a_dedup_error(tmp_path: Path) -> None:
    """A URL that is right and a file that is not: the store cannot be used."""
    with pytest.raises(DedupError):
        open_store(f"sqlite:///{tmp_path}")
