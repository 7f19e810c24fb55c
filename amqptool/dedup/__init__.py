"""Dedup stores: who is working on a message id, and which ids are done.

`open_store` turns a URL into a store. Only DONE ever suppresses a message; a claim merely says who is
at it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from amqptool.errors import ConfigError, DedupError

if TYPE_CHECKING:
    from amqptool.dedup.interface import DedupStore

_SQLITE = "sqlite:///"


def open_existing(url: str) -> DedupStore:
    """Open a store that others have filled.

    Raises:
        ConfigError: the URL names no kind of store, or one that nobody else can see.
        DedupError: there is none, or it cannot be opened.
    """
    if url == "memory:":
        raise ConfigError("the dedup store memory: is within the worker alone; nothing can be seen of it")
    path = Path(url.removeprefix(_SQLITE))
    if url.startswith(_SQLITE) and not path.exists():
        raise DedupError(f"there is no dedup store {path}")
    return open_store(url)


def open_store(url: str) -> DedupStore:
    """Open the store that a URL names: `memory:` or `sqlite:///path`.

    Paths are as in SQLAlchemy: `sqlite:///relative`, `sqlite:////absolute`.

    Raises:
        ConfigError: the URL names no kind of store.
        DedupError: the store cannot be opened.
    """
    if url == "memory:":
        from amqptool.dedup.memory import MemoryStore

        return MemoryStore()
    if url.startswith(_SQLITE) and url != _SQLITE:
        from amqptool.dedup.sqlite import SqliteStore

        return SqliteStore(url.removeprefix(_SQLITE))
    raise ConfigError("a dedup store is memory: or sqlite:///path (sqlite:////path when absolute)")
