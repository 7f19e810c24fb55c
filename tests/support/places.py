"""Databases that hold both a dedup store and the effects of handlers."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any, TypeAlias

import psycopg

from amqptool.dedup.postgresql import PostgresqlStore
from amqptool.dedup.sqlite import SqliteStore

Store: TypeAlias = SqliteStore | PostgresqlStore


class Place:
    """A database of the user's with a table of effects, in which nothing keeps one from being there twice."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.kind = url.partition(":")[0]
        with self.connect() as connection:
            connection.execute("CREATE TABLE effect (name text)")

    def open(self, **settings: Any) -> Store:
        """Open the store."""
        if self.kind == "sqlite":
            return SqliteStore(self.url.removeprefix("sqlite:///"), **settings)
        return PostgresqlStore(self.url, **settings)

    def connect(self) -> Any:
        """Connect as anybody can; a `with` block ends with the connection."""
        if self.kind == "sqlite":
            return closing(sqlite3.connect(self.url.removeprefix("sqlite:///"), isolation_level=None))
        return psycopg.connect(self.url, autocommit=True)

    def effects(self) -> list[str]:
        """Return what handlers did."""
        with self.connect() as connection:
            return [name for (name,) in connection.execute("SELECT name FROM effect ORDER BY name").fetchall()]
