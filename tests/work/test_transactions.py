"""A worker whose handler shares a transaction with DONE: its effects are there exactly once."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from amqptool import (
    AmqpUrl,
    ConfigError,
    Delivery,
    HandlerError,
    MemoryStore,
    Message,
    RedisStore,
    Reject,
    Retry,
    SqliteStore,
    Worker,
    WorkReport,
)
from amqptool.dedup.interface import Acquired, Done, Key
from tests.support.broker import declare_queue, drain, publish, queue_length
from tests.support.lost_answers import answer_loser
from tests.support.places import Place, Store
from tests.support.servers import PrivatePostgresql

IDS = [f"00000000-0000-4000-8000-{number:012}" for number in range(20)]


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    """Open the store."""
    with closing(place.open()) as store:
        yield store


def messages(*numbers: int) -> list[Message]:
    """Make messages for `q`, of which the same number is the same message."""
    return [Message(body=b"%02d" % number, routing_key="q", message_id=IDS[number]) for number in numbers]


def act(delivery: Delivery, transaction: Any) -> None:
    """Have an effect."""
    transaction.execute(f"INSERT INTO effect VALUES ('{delivery.body.decode()}')")


async def work(url: AmqpUrl, handler: Any, waiting: Sequence[Message], **settings: Any) -> WorkReport:
    """Work off some messages, each tried once unless there are other limits."""
    await declare_queue(url, "q")
    await publish(url, waiting)
    if "idle_timeout" not in settings:
        settings = {"max_messages": len(waiting), "timeout": 60} | settings
    return await Worker(url, "q", handler, dedup_scope="test", transaction=True, **settings).serve()


def run(url: AmqpUrl, handler: Any, waiting: Sequence[Message], **settings: Any) -> WorkReport:
    """Do so, with a loop."""
    return asyncio.run(work(url, handler, waiting, **settings))


def left(url: AmqpUrl) -> int:
    """Count what is left in the queue."""
    return asyncio.run(queue_length(url, "q"))


def test_copies_have_one_effect(amqptool_vhost: AmqpUrl, place: Place) -> None:
    """Each message is handled within its transaction, acknowledged, and its copy is a duplicate."""
    report = run(amqptool_vhost, act, messages(0, 1, 0, 2, 1), dedup=place.url)

    assert place.effects() == ["00", "01", "02"]
    assert (report.handled, report.duplicates, report.failed_attempts) == (3, 2, 0)
    assert left(amqptool_vhost) == 0


def test_effect_and_done_are_committed_before_the_ack(amqptool_vhost: AmqpUrl, place: Place, store: Store) -> None:
    """Until its handler returns, nobody sees what it did, and another worker's claim is not DONE."""
    seen: list[object] = []

    def handle(delivery: Delivery, transaction: Any) -> None:
        act(delivery, transaction)
        seen.append(place.effects())

    run(amqptool_vhost, handle, messages(0), dedup=store)
    assert seen == [[]]
    assert (place.effects(), store.claim([Key("test", IDS[0])])) == (["00"], [Done()])


@pytest.mark.parametrize("error", [ValueError("broken"), Retry("later"), SystemExit()])
def test_a_failed_attempt_leaves_no_effect(amqptool_vhost: AmqpUrl, place: Place, error: BaseException) -> None:
    """It is rolled back and passed on, and the next attempt has the only effect."""

    def handle(delivery: Delivery, transaction: Any) -> None:
        act(delivery, transaction)
        if delivery.attempt == 1:
            raise error

    report = run(amqptool_vhost, handle, messages(0), dedup=place.url, retry=(0.1,), idle_timeout=1)
    assert place.effects() == ["00"]
    assert (report.handled, report.retried, report.failed_attempts) == (1, 1, 1)


def test_a_rejected_message_has_no_effect(amqptool_vhost: AmqpUrl, place: Place) -> None:
    """It is a dead letter with the handler's reason."""

    def handle(delivery: Delivery, transaction: Any) -> None:
        act(delivery, transaction)
        raise Reject("no such app")

    report = run(amqptool_vhost, handle, messages(0), dedup=place.url, dead_letter="dead")
    [dead] = asyncio.run(drain(amqptool_vhost, "dead"))
    assert (place.effects(), report.dead) == ([], 1)
    assert dead.headers["amqptool-error"] == "Reject: no such app"


def test_an_error_of_the_database_is_a_failed_attempt(amqptool_vhost: AmqpUrl, place: Place) -> None:
    """What is wrong with the handler's own statements counts as its failure."""

    def handle(_delivery: Delivery, transaction: Any) -> None:
        transaction.execute("INSERT INTO missing VALUES (1)")

    report = run(amqptool_vhost, handle, messages(0), dedup=place.url, dead_letter="dead")
    [dead] = asyncio.run(drain(amqptool_vhost, "dead"))
    assert report.failed_attempts == 1
    assert "missing" in str(dead.headers["amqptool-error"])


@pytest.mark.parametrize("end", ["commit", "rollback", "close"])
def test_a_handler_that_ends_its_transaction_ends_the_worker(amqptool_vhost: AmqpUrl, place: Place, end: str) -> None:
    """What it committed would be there once more after each attempt; the message goes back after the first."""
    calls: list[int] = []

    def handle(delivery: Delivery, transaction: Any) -> None:
        calls.append(delivery.attempt)
        act(delivery, transaction)
        getattr(transaction, end)()

    with pytest.raises(HandlerError, match="ended the transaction"):
        run(amqptool_vhost, handle, messages(0), dedup=place.url, retry=(0.1,), dead_letter="dead")
    assert (calls, left(amqptool_vhost)) == ([1], 1)
    assert place.effects() == (["00"] if end == "commit" else [])


def test_a_message_without_a_uuid_is_rejected(amqptool_vhost: AmqpUrl, place: Place) -> None:
    """There is no claim that a transaction could make DONE, so no handler sees it."""
    waiting = [Message(body=b"no", routing_key="q", message_id=None), *messages(1)]
    report = run(amqptool_vhost, act, waiting, dedup=place.url, dead_letter="dead")
    [dead] = asyncio.run(drain(amqptool_vhost, "dead"))

    assert place.effects() == ["01"]
    assert (report.handled, report.dead, report.without_id) == (1, 1, 0)
    assert (dead.body, dead.headers["amqptool-reason"]) == (b"no", "missing-id")


def test_a_message_with_neither_a_uuid_nor_a_place_to_go_stays(amqptool_vhost: AmqpUrl, place: Place) -> None:
    """It is given back in the end."""
    report = run(amqptool_vhost, act, [Message(body=b"no", routing_key="q", message_id=None)], dedup=place.url)
    assert (place.effects(), report.handled, left(amqptool_vhost)) == ([], 0, 1)


def test_a_lost_claim_has_no_effect_and_is_claimed_again(amqptool_vhost: AmqpUrl, place: Place) -> None:
    """Without its row nothing is committed; the message is looked at again, which is no failed attempt."""
    attempts: list[int] = []

    def handle(delivery: Delivery, transaction: Any) -> None:
        act(delivery, transaction)
        attempts.append(delivery.attempt)
        if len(attempts) == 1:
            transaction.execute("DELETE FROM amqptool_dedup")

    report = run(amqptool_vhost, handle, messages(0), dedup=place.url)
    assert (place.effects(), attempts) == (["00"], [1, 1])
    assert (report.handled, report.failed_attempts) == (1, 0)


def test_a_message_that_was_taken_over_is_acknowledged_once_it_is_done(
    amqptool_vhost: AmqpUrl, postgresql_url: str
) -> None:
    """The heir of an expired lease has the effect, and what the first one did is rolled back."""
    place, now = Place(postgresql_url), [0.0]
    settings: dict[str, Any] = {"clock": lambda: now[0], "lease": 1000, "owner": "of another machine"}

    with closing(place.open(**settings)) as store, closing(place.open(**settings)) as other:

        def handle(_delivery: Delivery, transaction: Any) -> None:
            transaction.execute("INSERT INTO effect VALUES ('ours')")
            now[0] = 1000
            [claim] = other.claim([Key("test", IDS[0])])
            assert isinstance(claim, Acquired)
            with other.transaction(claim) as theirs:
                theirs.execute("INSERT INTO effect VALUES ('theirs')")

        report = run(amqptool_vhost, handle, messages(0), dedup=store)
    assert place.effects() == ["theirs"]
    assert (report.handled, report.duplicates, report.failed_attempts) == (0, 1, 0)


def test_a_backend_that_is_killed_costs_no_attempt(amqptool_vhost: AmqpUrl, postgresql_url: str) -> None:
    """What the handler raises then is not its fault: the claim is given up, and the message handled again at once."""
    place, attempts = Place(postgresql_url), []

    def handle(delivery: Delivery, transaction: psycopg.Connection[Any]) -> None:
        act(delivery, transaction)
        attempts.append(delivery.attempt)
        if len(attempts) == 1:
            with place.connect() as other:
                other.execute("SELECT pg_terminate_backend(%s, 10000)", [transaction.info.backend_pid])
            transaction.execute("SELECT 1")

    report = run(amqptool_vhost, handle, messages(0), dedup=postgresql_url)
    assert (place.effects(), attempts) == (["00"], [1, 1])
    assert (report.handled, report.failed_attempts) == (1, 0)


def test_a_server_that_restarts_costs_no_attempt(
    amqptool_vhost: AmqpUrl, postgresql_server: PrivatePostgresql, postgresql_url: str
) -> None:
    """The worker waits for it, and the message is handled then."""
    place, attempts = Place(postgresql_url), []
    started, restarted = threading.Event(), threading.Event()

    def handle(delivery: Delivery, transaction: Any) -> None:
        act(delivery, transaction)
        attempts.append(delivery.attempt)
        started.set()
        assert restarted.wait(60)

    async def scenario() -> WorkReport:
        working = asyncio.create_task(work(amqptool_vhost, handle, messages(0), dedup=postgresql_url))
        await asyncio.to_thread(started.wait)
        postgresql_server.restart()  # in this thread, with which it would end
        restarted.set()
        return await working

    report = asyncio.run(scenario())
    assert (place.effects(), attempts) == (["00"], [1, 1])
    assert (report.handled, report.failed_attempts) == (1, 0)


def test_a_commit_whose_answer_was_lost_is_found_done(
    amqptool_vhost: AmqpUrl, postgresql_server: PrivatePostgresql, postgresql_url: str
) -> None:
    """Nobody knows whether it was committed until the next claim tells: it is not handled again."""
    place = Place(postgresql_url)
    with answer_loser(postgresql_server.port) as proxy:

        def handle(delivery: Delivery, transaction: Any) -> None:
            act(delivery, transaction)
            proxy.said = b"COMMIT"

        url = urlsplit(postgresql_url)
        proxied = url._replace(netloc=url.netloc.replace(f":{url.port}", f":{proxy.port}")).geturl()
        report = run(amqptool_vhost, handle, messages(0), dedup=proxied)
    assert place.effects() == ["00"]
    assert (report.handled, report.duplicates, report.failed_attempts) == (0, 1, 0)
    assert left(amqptool_vhost) == 0


def test_a_full_disk_costs_no_attempt(amqptool_vhost: AmqpUrl, tmp_path: Path) -> None:
    """The message is handled once there is room."""
    place, attempts = Place(f"sqlite:///{tmp_path}/dedup.db"), []

    def handle(delivery: Delivery, transaction: Any) -> None:
        act(delivery, transaction)
        attempts.append(delivery.attempt)
        if len(attempts) == 1:
            transaction.execute("PRAGMA max_page_count = 1")
            transaction.execute("CREATE TABLE more (name text)")

    report = run(amqptool_vhost, handle, messages(0), dedup=place.url)
    assert (place.effects(), attempts) == (["00"], [1, 1])
    assert (report.handled, report.failed_attempts) == (1, 0)


def test_transactions_of_postgresql_run_at_the_same_time(amqptool_vhost: AmqpUrl, postgresql_url: str) -> None:
    """As many as handlers may."""
    place, together = Place(postgresql_url), threading.Barrier(3)

    def handle(delivery: Delivery, transaction: Any) -> None:
        act(delivery, transaction)
        together.wait(30)

    run(amqptool_vhost, handle, messages(*range(6)), dedup=postgresql_url, concurrency=3)
    assert len(place.effects()) == 6


def test_transactions_of_sqlite_take_turns(amqptool_vhost: AmqpUrl, tmp_path: Path) -> None:
    """One at a time, however many handlers there are."""
    place, inside = Place(f"sqlite:///{tmp_path}/dedup.db"), threading.Lock()

    def handle(delivery: Delivery, transaction: Any) -> None:
        assert inside.acquire(blocking=False)
        act(delivery, transaction)
        inside.release()

    report = run(amqptool_vhost, handle, messages(*range(20)), dedup=place.url, concurrency=4)
    assert (len(place.effects()), report.failed_attempts) == (20, 0)


def test_leases_are_renewed_during_a_long_transaction(amqptool_vhost: AmqpUrl, postgresql_url: str) -> None:
    """The row is locked only at the end, so that its lease goes on being renewed until then."""
    place = Place(postgresql_url)

    with closing(place.open(lease=0.3)) as store, closing(place.open()) as observer:

        def lease() -> float:
            [entry] = observer.find(IDS[0])
            return entry.row.lease_until

        def handle(delivery: Delivery, transaction: Any) -> None:
            act(delivery, transaction)
            begun = lease()
            while lease() == begun:
                pass

        report = run(amqptool_vhost, handle, messages(0), dedup=store)
    assert (place.effects(), report.handled) == (["00"], 1)


def test_a_renewal_that_waits_for_a_transaction_does_no_harm(amqptool_vhost: AmqpUrl, tmp_path: Path) -> None:
    """A lease that is over in the meantime is not the end of a claim whose owner is alive, on SQLite."""
    place = Place(f"sqlite:///{tmp_path}/dedup.db")

    with closing(SqliteStore(tmp_path / "dedup.db", lease=0.03)) as store:

        def handle(delivery: Delivery, transaction: Any) -> None:
            act(delivery, transaction)
            while not store._turns._waiting:
                pass

        report = run(amqptool_vhost, handle, messages(0, 1), dedup=store)
    assert (place.effects(), report.handled, report.failed_attempts) == (["00", "01"], 2, 0)


@pytest.mark.parametrize("owned", [False, True])
def test_handlers_are_left_behind_after_the_grace(
    amqptool_vhost: AmqpUrl, place: Place, store: Store, owned: bool
) -> None:
    """A transaction that does not end keeps no worker from ending; if it ends after all, its effect counts, once."""
    dedup = place.url if owned else store
    started, may_end = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []

    def handle(delivery: Delivery, transaction: Any) -> None:
        act(delivery, transaction)
        threads.append(threading.current_thread())
        started.set()
        may_end.wait()

    async def scenario() -> WorkReport:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, messages(*range(5)))
        settings: dict[str, Any] = {"dedup": dedup, "dedup_scope": "test", "transaction": True}
        worker = Worker(amqptool_vhost, "q", handle, grace=0.1, **settings)
        serving = asyncio.create_task(worker.serve())
        await asyncio.to_thread(started.wait)
        worker.stop()
        try:
            return await asyncio.wait_for(serving, 30)
        finally:
            may_end.set()
            threads[0].join(30)

    report = asyncio.run(scenario())
    assert (report.handled, report.abandoned, left(amqptool_vhost)) == (0, 1, 5)

    report = run(amqptool_vhost, act, [], dedup=dedup, max_messages=5)
    assert (report.handled, report.duplicates) == (4, 1)
    assert place.effects() == ["00", "01", "02", "03", "04"]


@pytest.mark.parametrize("owned", [False, True])
def test_what_is_claimed_after_the_end_of_a_worker_is_given_up(
    amqptool_vhost: AmqpUrl, tmp_path: Path, owned: bool
) -> None:
    """Or it would be claimed for as long as the process lives, on SQLite, where claims wait for transactions."""
    started, may_end = threading.Event(), threading.Event()
    url = f"sqlite:///{tmp_path}/dedup.db"
    place = Place(url)

    def handle(delivery: Delivery, transaction: Any) -> None:
        act(delivery, transaction)
        started.set()
        may_end.wait()

    async def scenario(dedup: str | Store) -> None:
        worker = Worker(amqptool_vhost, "q", handle, dedup=dedup, dedup_scope="test", transaction=True, grace=0.1)
        serving = asyncio.create_task(worker.serve())
        await publish(amqptool_vhost, messages(0))
        await asyncio.to_thread(started.wait)
        await publish(amqptool_vhost, messages(1))
        assert worker._store is not None
        store = worker._store.store
        assert isinstance(store, SqliteStore)
        while not store._turns._waiting:
            await asyncio.sleep(0)
        worker.stop()
        await serving
        may_end.set()

    asyncio.run(declare_queue(amqptool_vhost, "q"))
    if owned:
        asyncio.run(scenario(url))
    else:
        with closing(SqliteStore(tmp_path / "dedup.db")) as store:
            asyncio.run(scenario(store))
            report = run(amqptool_vhost, act, [], dedup=store, max_messages=2)
    if owned:
        report = run(amqptool_vhost, act, [], dedup=url, max_messages=2)
    assert (report.handled, report.duplicates, place.effects()) == (1, 1, ["00", "01"])


def test_the_time_in_the_handler_is_measured(amqptool_vhost: AmqpUrl, place: Place) -> None:
    """Metrics know of handlers with transactions."""
    report = run(amqptool_vhost, act, messages(0), dedup=place.url, metrics_port=0)
    assert (report.handled, place.effects()) == (1, ["00"])


def test_what_a_handler_leaves_to_be_awaited_ends_the_worker(amqptool_vhost: AmqpUrl, place: Place) -> None:
    """Its transaction would be over before it has begun; the message goes back."""

    async def act_later(delivery: Delivery, transaction: Any) -> None:
        act(delivery, transaction)

    with pytest.raises(HandlerError, match="awaitable"):
        run(
            amqptool_vhost, lambda delivery, transaction: act_later(delivery, transaction), messages(0), dedup=place.url
        )
    assert (place.effects(), left(amqptool_vhost)) == ([], 1)


async def handle_async(_delivery: Delivery, _transaction: Any) -> None:
    """Do nothing, later."""


class AsyncService:
    """Is async when it is called."""

    async def __call__(self, _delivery: Delivery, _transaction: Any) -> None:
        """Do nothing, later."""


@pytest.mark.parametrize(
    ("handler", "complaint"),
    [
        (lambda _delivery: None, "must take 2 arguments, the delivery and the transaction"),
        ("json:loads", "must take 2 arguments, the delivery and the transaction"),
        (handle_async, "is async"),
        (AsyncService(), "is async"),
        (functools.partial(handle_async), "is async"),
        (f"{__name__}:handle_async", "is async"),
        ("exec:true", "not exec:"),
        ("exec-lines:cat", "not exec-lines:"),
        ("http://user:secret@localhost/", "not http:"),
        ("no-such-handler", "no handler 'no-such-handler' is installed"),
        (lambda _delivery, _transaction: (yield), "generator"),
        (17, "not int"),
    ],
    ids=(
        "one argument",
        "named, one argument",
        "async",
        "async object",
        "async partial",
        "named, async",
        "exec:",
        "exec-lines:",
        "http:",
        "no entry point",
        "generator",
        "number",
    ),
)
def test_other_handlers_are_refused_at_once(handler: Any, complaint: str) -> None:
    """Only a blocking function that takes a delivery and a transaction can be called within one."""
    with pytest.raises(HandlerError, match=complaint) as caught:
        Worker("amqp://localhost", "q", handler, dedup="sqlite:///dedup.db", transaction=True)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "dedup", ["memory:", "redis://localhost", MemoryStore(), pytest.param("redis", id="a Redis"), "nonsense:"]
)
def test_other_stores_are_refused_at_once(request: pytest.FixtureRequest, dedup: Any) -> None:
    """Only SQLite and PostgreSQL have transactions for handlers."""
    store = RedisStore(request.getfixturevalue("redis_url")) if dedup == "redis" else dedup
    with pytest.raises(ConfigError, match="SQLite or PostgreSQL"):
        Worker("amqp://localhost", "q", act, dedup=store, transaction=True)


@pytest.mark.parametrize("settings", [{"dedup": None}, {"dedup": None, "at_most_once": True}])
def test_a_transaction_without_dedup_is_refused(settings: dict[str, Any]) -> None:
    """There is no DONE to be committed with it."""
    with pytest.raises(ValueError, match="dedup"):
        Worker("amqp://localhost", "q", act, transaction=True, **settings)
