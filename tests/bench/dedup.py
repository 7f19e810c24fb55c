"""Fill each dedup store with a million ids, and prune it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import redis

from amqptool.dedup.interface import RETENTION, Acquired, DedupStore, Key
from amqptool.dedup.memory import MemoryStore
from amqptool.dedup.postgresql import PostgresqlStore
from amqptool.dedup.redis import RedisStore
from amqptool.dedup.sqlite import SqliteStore
from amqptool.uuids import uuid4_maker, uuid7_maker
from tests.bench.comparison import Comparison
from tests.support.servers import private_postgresql, private_redis

IDS, BATCH = 1_000_000, 500
SCOPE = "rabbit@broker.example//orders"
#: Megabytes of the ids alone.
RAW = IDS * 36 / 1e6


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere to open a store, with any clock, and to measure it."""

    open: Callable[[Callable[[], float]], DedupStore]
    megabytes: Callable[[], float]


@contextmanager
def sqlite_place(directory: Path) -> Iterator[Place]:
    """Give a file."""

    def megabytes() -> float:
        return sum(file.stat().st_size for file in directory.glob("dedup.db*")) / 1e6

    yield Place(lambda clock: SqliteStore(directory / "dedup.db", clock=clock), megabytes)


@contextmanager
def postgresql_place(_directory: Path) -> Iterator[Place]:
    """Give a private server with Debian's settings."""
    with private_postgresql() as server, psycopg.connect(server.url, autocommit=True) as connection:

        def megabytes() -> float:
            row = connection.execute("SELECT pg_total_relation_size('amqptool_dedup')").fetchone()
            return row[0] / 1e6 if row else 0.0

        yield Place(lambda clock: PostgresqlStore(server.url, clock=clock), megabytes)


@contextmanager
def redis_place(_directory: Path) -> Iterator[Place]:
    """Give a private server that has every write on its disk."""
    with private_redis() as server, closing(redis.Redis.from_url(server.url)) as client:
        yield Place(
            lambda clock: RedisStore(server.url, clock=clock), lambda: client.info("memory")["used_memory"] / 1e6
        )


PLACES = {"SQLite": sqlite_place, "PostgreSQL": postgresql_place, "Redis": redis_place}


def compare_dedup(directory: Path) -> list[Comparison]:
    """Measure each store beside the one in memory."""
    memory = rate(MemoryStore(), uuid7_maker())
    found = []
    for name, place_in in PLACES.items():
        for kind, make_id in {"": uuid7_maker(), ", random ids": uuid4_maker()}.items():
            with TemporaryDirectory(dir=directory) as own, place_in(Path(own)) as place:
                found += measure(f"{name}{kind}", place, memory, make_id)
    return found


def measure(name: str, place: Place, memory: float, make_id: Callable[[], str]) -> list[Comparison]:
    """Fill one store and prune it."""
    with closing(place.open(time.time)) as store:
        filling = rate(store, make_id)
    size = place.megabytes()
    lines = [
        Comparison(f"{name}: claim, complete: in memory", f"{filling:,.0f}/s", f"{memory:,.0f}/s", filling / memory),
        Comparison(f"{name}: {IDS:,} ids: UUIDs alone", f"{size:.0f} MB", f"{RAW:.0f} MB", size / RAW),
    ]
    with closing(place.open(lambda: time.time() + 2 * RETENTION)) as store:
        batches = prune(store)
    if len(batches) > 1:
        longest, whole = max(batches), sum(batches)
        what = f"{name}: prune the longest batch: all"
        lines.append(Comparison(what, f"{longest * 1000:.0f} ms", f"{whole:.1f} s", longest / whole))
    return lines


def rate(store: DedupStore, make_id: Callable[[], str]) -> float:
    """Claim and complete all ids, and return how many a second."""
    taken = 0.0
    for _ in range(IDS // BATCH):
        keys = [Key(SCOPE, make_id()) for _ in range(BATCH)]
        started = time.perf_counter()
        recorded = store.complete([claim for claim in store.claim(keys) if isinstance(claim, Acquired)])
        taken += time.perf_counter() - started
        assert sum(recorded) == BATCH
    return IDS / taken


def prune(store: DedupStore) -> list[float]:
    """Prune everything, and return the seconds of each batch."""
    batches, more = [], True
    while more:
        started = time.perf_counter()
        more = bool(store.prune())
        batches.append(time.perf_counter() - started)
    return batches
