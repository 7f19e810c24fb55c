"""The Redis store: what expires, what the server is asked, and what is warned of."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import closing

import pytest
import redis

from amqptool.dedup.interface import Acquired, Busy, Key
from amqptool.dedup.redis import RedisStore
from amqptool.errors import DedupError
from tests.support.servers import PrivateRedis

KEY = Key("scope", "id")


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """Look at the server as anybody can."""
    with closing(redis.Redis.from_url(redis_url)) as client:
        yield client


def acquire(store: RedisStore, key: Key = KEY) -> Acquired:
    """Claim a key that is free."""
    [claim] = store.claim([key])
    assert isinstance(claim, Acquired)
    return claim


def seconds_left(client: redis.Redis) -> float:
    """Return how long the only key still lives."""
    [name] = client.keys("*")
    return client.pttl(name) / 1000


def test_every_row_expires_when_it_may_be_forgotten(redis_url: str, client: redis.Redis) -> None:
    """A claim after its lease and the retention, what was released or done after the retention."""
    with closing(RedisStore(redis_url, lease=1000, retention=50_000)) as store:
        claim = acquire(store)
        assert 50_900 < seconds_left(client) <= 51_000

        store.release([claim], failed=True)
        assert 49_900 < seconds_left(client) <= 50_000

        claim = acquire(store)
        store.renew([claim])
        assert 50_900 < seconds_left(client) <= 51_000

        store.complete([claim])
        assert 49_900 < seconds_left(client) <= 50_000


def test_what_expired_is_forgotten(redis_url: str, client: redis.Redis) -> None:
    """After the retention an id is new again, and nothing is left of it."""
    with closing(RedisStore(redis_url, retention=0.001)) as store:
        store.complete([acquire(store)])
        while client.dbsize():
            pass

        assert acquire(store).attempt == 1


def test_pruning_leaves_it_to_the_server(redis_url: str) -> None:
    """There is nothing to prune, at any time."""
    with closing(RedisStore(redis_url, clock=lambda: 1e10)) as store:
        store.complete([acquire(store)])
        assert store.prune() == 0


@pytest.mark.parametrize("message_id", ["*", "?", "[ab]", "a", "a:b", "\\", "i*"])
def test_an_id_is_no_pattern(redis_url: str, message_id: str) -> None:
    """What the server would take for a pattern is looked for as it stands."""
    with closing(RedisStore(redis_url)) as store:
        store.claim([KEY, Key("s:1:a", "b"), Key("a", message_id), Key("b", "a:" + message_id)])

        assert [entry.key for entry in store.find(message_id)] == [Key("a", message_id)]


def test_a_large_store_is_counted_page_by_page(redis_url: str) -> None:
    """Looking through everything never holds up the server, and misses nothing."""
    with closing(RedisStore(redis_url)) as store:
        store.claim([Key("scope", str(number)) for number in range(5_000)])

        [counts] = store.counts()
        assert counts == ("scope", 5_000, 0, 0)


def test_a_batch_is_one_step_of_the_server(redis_url: str, client: redis.Redis) -> None:
    """However many keys: one script."""
    with closing(RedisStore(redis_url)) as store:
        keys = [Key("scope", str(number)) for number in range(500)]
        store.complete([claim for claim in store.claim(keys) if isinstance(claim, Acquired)])
        client.config_resetstat()
        store.claim(keys)
        store.claim([Key("new", str(number)) for number in range(500)])

        assert client.info("commandstats")["cmdstat_evalsha"]["calls"] == 2


def test_scripts_that_the_server_forgot_are_given_to_it_again(redis_url: str, client: redis.Redis) -> None:
    """A flush of the scripts, as a failover brings, is nothing that anybody notices."""
    with closing(RedisStore(redis_url)) as store:
        claim = acquire(store)
        client.script_flush()

        assert store.complete([claim]) == [True]


def test_a_server_that_hangs_is_an_error_that_passes(redis_server: PrivateRedis, redis_url: str) -> None:
    """No answer in time is a DedupError; what the server does late counts for whoever asked."""
    with closing(RedisStore(f"{redis_url}?socket_timeout=0.2")) as store:
        acquire(store, Key("scope", "before"))
        redis_server.signal(signal.SIGSTOP)
        try:
            with pytest.raises(DedupError, match="imeout"):
                store.claim([KEY])
        finally:
            redis_server.signal(signal.SIGCONT)

        assert isinstance(store.claim([KEY])[0], Acquired)
        assert store.claim([KEY]) == [Busy()]


@pytest.fixture
def setting(client: redis.Redis, request: pytest.FixtureRequest) -> Iterator[None]:
    """Change a setting of the server for the test."""
    name, value = request.param
    before = client.config_get(name)[name]
    client.config_set(name, value)
    yield
    client.config_set(name, before)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (("maxmemory-policy", "allkeys-lru"), "may evict what is done (maxmemory-policy allkeys-lru)"),
        (("maxmemory-policy", "volatile-ttl"), "may evict what is done (maxmemory-policy volatile-ttl)"),
        (("appendonly", "no"), "may forget what is done when it stops (appendonly no)"),
    ],
    indirect=["setting"],
)
@pytest.mark.usefixtures("setting")
def test_a_server_that_may_forget_is_warned_of(redis_url: str, caplog: pytest.LogCaptureFixture, words: str) -> None:
    """Who opens the store is told what the server may lose, without a secret."""
    RedisStore(redis_url).close()

    [record] = caplog.records
    assert (record.levelno, words in record.getMessage()) == (logging.WARNING, True)
    assert "s3cret" not in record.getMessage()


def test_a_server_that_forgets_nothing_is_not_warned_of(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """With noeviction and an append-only file there is nothing to say."""
    RedisStore(redis_url).close()

    assert caplog.records == []


def test_who_may_not_ask_the_server_about_itself_uses_it_all_the_same(redis_url: str, client: redis.Redis) -> None:
    """A user without the right to INFO can use the store."""
    client.acl_setuser(
        "worker", enabled=True, passwords=["+word"], keys=["amqptool:*"], commands=["+@all", "-info"], reset=True
    )
    with closing(RedisStore(redis_url.replace(":s3cret@", "worker:word@"))) as store:
        assert acquire(store).attempt == 1
    client.acl_deluser("worker")


@pytest.mark.parametrize("setting", [("maxmemory", "1")], indirect=True)
@pytest.mark.usefixtures("setting")
def test_a_full_server_is_an_error(redis_url: str, client: redis.Redis) -> None:
    """With no memory left nothing is claimed, and what is there stays."""
    with closing(RedisStore(redis_url)) as store:
        with pytest.raises(DedupError, match="memory"):
            store.claim([KEY])
        client.config_set("maxmemory", "0")

        assert acquire(store).attempt == 1
