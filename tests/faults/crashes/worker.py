"""What the processes of a nursery do; all that this takes is imported here, and so before they are forked."""

from __future__ import annotations

from typing import Any

import aiohttp  # noqa: F401
import psycopg  # noqa: F401
import redis  # noqa: F401

import amqptool.cli.commands.consume
import amqptool.cli.commands.publish
import amqptool.dedup.postgresql
import amqptool.dedup.redis
import amqptool.dedup.sqlite
import amqptool.publish.publisher  # noqa: F401
from amqptool import Worker
from amqptool.cli.root import main as amqptool_main
from amqptool.dedup import open_store
from tests.faults.crashes.points import fate
from tests.faults.crashes.store import MortalStore


def work(settings: dict[str, Any]) -> None:
    """Run a worker whose store may be the end of it; `lease` is the store's."""
    store: Any = open_store(settings.pop("dedup"))
    store.lease = settings.pop("lease", store.lease)
    Worker(dedup=MortalStore(store, fate()), **settings).run()


PROGRAMS = {"amqptool": amqptool_main, "worker": work}
