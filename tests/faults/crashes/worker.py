"""A process that is a worker whose store may be the end of it."""

from __future__ import annotations

from typing import Any

from amqptool import Worker
from amqptool.dedup import open_store
from tests.faults.crashes.points import fate
from tests.faults.crashes.store import MortalStore


def work(settings: dict[str, Any]) -> None:
    """Run a worker; `lease` is its store's."""
    store: Any = open_store(settings.pop("dedup"))
    store.lease = settings.pop("lease", store.lease)
    Worker(dedup=MortalStore(store, fate()), **settings).run()
