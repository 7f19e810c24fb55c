"""Dedup stores: who is working on a message id, and which ids are done.

`open_store` turns a URL into a store. Only DONE ever suppresses a message; a claim merely says who is
at it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.errors import ConfigError

if TYPE_CHECKING:
    from amqptool.dedup.interface import DedupStore

_SQLITE = "sqlite:///"


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
