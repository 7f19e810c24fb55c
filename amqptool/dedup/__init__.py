"""Dedup stores: who is working on a message id, and which ids are done.

`open_store` turns a URL into a store. Only DONE ever suppresses a message; a claim merely says who is
at it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.dedup.interface import Transactional
from amqptool.errors import ConfigError

if TYPE_CHECKING:
    from amqptool.dedup.interface import DedupStore

_SQLITE, _POSTGRESQL, _REDIS = "sqlite:///", "postgresql://", ("redis://", "rediss://")


def open_existing(url: str) -> DedupStore:
    """Open a store that others have filled.

    Raises:
        ConfigError: the URL names no kind of store, or one that nobody else can see.
        DedupError: there is none, or it cannot be opened.
    """
    if url == "memory:":
        raise ConfigError("the dedup store memory: is within the worker alone; nothing can be seen of it")
    return _open(url, create=False)


def open_store(url: str) -> DedupStore:
    """Open the store that a URL names.

    `memory:`, `sqlite:///path`, `postgresql://host/database`, or `redis://host/number` (`rediss://` over TLS).
    Paths are as in SQLAlchemy: `sqlite:///relative`, `sqlite:////absolute`.

    Raises:
        ConfigError: the URL names no kind of store, or the library that it takes is not installed.
        DedupError: the store cannot be opened.
    """
    return _open(url, create=True)


def has_transactions(store: DedupStore | str) -> bool:
    """Return whether handlers can write to a store, or to the one that a URL names, in one transaction with DONE."""
    if isinstance(store, str):
        return store.startswith((_SQLITE, _POSTGRESQL))
    return isinstance(store, Transactional)


def _open(url: str, *, create: bool) -> DedupStore:
    if url == "memory:":
        from amqptool.dedup.memory import MemoryStore

        return MemoryStore()
    if url.startswith(_SQLITE) and url != _SQLITE:
        from amqptool.dedup.sqlite import SqliteStore

        return SqliteStore(url.removeprefix(_SQLITE), create=create)
    if url.startswith(_POSTGRESQL):
        from amqptool.dedup.postgresql import PostgresqlStore

        return PostgresqlStore(url, create=create)
    if url.startswith(_REDIS):
        from amqptool.dedup.redis import RedisStore

        return RedisStore(url)
    raise ConfigError(
        "a dedup store is memory:, sqlite:///path (sqlite:////path when absolute), "
        "postgresql://host/database or redis://host/number"
    )
