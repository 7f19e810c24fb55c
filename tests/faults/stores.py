"""The dedup stores of workers under faults, and what handlers have written into them in the transaction of DONE."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

import psycopg

from tests.faults.checker import Effect
from tests.faults.handlers import TABLE
from tests.support.servers import PrivateServer, empty_redis, fresh_schema, private_postgresql, private_redis

StoreName = Literal["sqlite", "postgresql", "redis"]

_COUNT, _ALL = "SELECT count(*) FROM effect", "SELECT worker, process, message, at FROM effect"
_FIRST = "SELECT worker, min(at) FROM effect WHERE at > {since!r} GROUP BY worker"


class Store(Protocol):
    """A dedup store."""

    url: str
    #: Whether handlers may write into it what they do.
    has_transactions: bool

    def count(self) -> int:
        """Return how many effects there are in it."""
        ...

    def effects(self) -> list[Effect]:
        """Return the effects that are in it."""
        ...

    def first_effects(self, since: float) -> list[tuple[str, float]]:
        """Return the workers that have written into it since then, each with the time of the first."""
        ...


class SqliteStore:
    """A store in a file, which may be taken away."""

    has_transactions = True

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.path = directory / "store" / "dedup.db"
        self.url = f"sqlite:///{self.path}"
        #: What was in files that are lost.
        self._kept: list[Effect] = []
        self._losses = 0

    def count(self) -> int:
        """Return how many effects there are or were in it."""
        return len(self._kept) + sum(count for (count,) in self._rows(self.path, _COUNT))

    def effects(self) -> list[Effect]:
        """Return the effects that are or were in it."""
        return [*self._kept, *map(_effect, self._rows(self.path, _ALL))]

    def first_effects(self, since: float) -> list[tuple[str, float]]:
        """Return the workers that have written into it since then, each with the time of the first."""
        return [(worker, at) for worker, at in self._rows(self.path, _FIRST.format(since=since))]

    def move(self) -> Path:
        """Take the file away, with all that belongs to it at once; return where it is."""
        self._losses += 1
        lost = self._directory / f"lost-{self._losses}"
        self.path.parent.rename(lost)
        return lost / self.path.name

    def keep(self, lost: Path) -> None:
        """Take note of what was in a file that was taken away, now that nobody writes to it any more."""
        self._kept += map(_effect, self._rows(lost, _ALL))

    def _rows(self, path: Path, query: str) -> list[tuple[Any, ...]]:
        """Return what a query gives: nothing as long as there is no file, or no table in it."""
        if not path.exists():
            return []
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=60)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'effect'").fetchall():
                return []
            return connection.execute(query).fetchall()


class ServerStore:
    """A store on a server, which may go away and come back."""

    def __init__(self, server: PrivateServer, url: str, *, has_transactions: bool) -> None:
        self.server = server
        self.url = url
        self.has_transactions = has_transactions

    def count(self) -> int:
        """Return how many effects there are in it."""
        return sum(count for (count,) in self._rows(_COUNT))

    def effects(self) -> list[Effect]:
        """Return the effects that are in it."""
        return [_effect(row) for row in self._rows(_ALL)]

    def first_effects(self, since: float) -> list[tuple[str, float]]:
        """Return the workers that have written into it since then, each with the time of the first."""
        return [(worker, at) for worker, at in self._rows(_FIRST.format(since=since))]

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        if not self.has_transactions:
            return []
        with psycopg.connect(self.url) as connection:
            return connection.execute(query.encode()).fetchall()


@contextmanager
def store(name: StoreName, directory: Path) -> Iterator[Store]:
    """Give an empty store; a server loses nothing that it has said is committed."""
    match name:
        case "sqlite":
            yield SqliteStore(directory)
        case "redis":
            with private_redis() as redis, empty_redis(redis) as url:
                yield ServerStore(redis, url, has_transactions=False)
        case "postgresql":
            with private_postgresql() as postgresql, fresh_schema(postgresql) as url:
                with psycopg.connect(url) as connection:
                    connection.execute(TABLE.encode())
                yield ServerStore(postgresql, url, has_transactions=True)


def _effect(row: tuple[Any, ...]) -> Effect:
    worker, process, message, at = row
    return Effect(message, process, at, worker, is_atomic=True)
