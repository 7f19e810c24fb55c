"""The stores on servers: other processes, servers that stop, and answers that get lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from threading import Event
from uuid import UUID

import pytest

from amqptool.dedup import open_store
from amqptool.dedup.interface import Acquired, Busy, DedupStore, Done, Key
from amqptool.errors import DedupError
from tests.support.lost_answers import AnswerLoser, answer_loser
from tests.support.servers import PrivateServer

KEY, OTHER = Key("scope", "id"), Key("scope", "other")

#: Claims the keys that stdin names, a line for each call, and tells what became of each.
_OTHER_PROCESS = """
import sys, time
real = time.time
time.time = lambda: real() + float(sys.argv[2])
from amqptool.dedup import open_store
from amqptool.dedup.interface import Key
store = open_store(sys.argv[1])
print("ready", flush=True)
for line in sys.stdin:
    answers = store.claim([Key("scope", name) for name in line.split()])
    print(*(type(answer).__name__ for answer in answers), flush=True)
"""


@contextmanager
def setting_on_error(failed: Event) -> Iterator[None]:
    """Set the event if the block fails: others may be waiting for what it held."""
    try:
        yield
    except BaseException:
        failed.set()
        raise


class OtherProcess:
    """A worker of this machine, whose clock may be wrong by some seconds."""

    def __init__(self, url: str, clock: float = 0.0) -> None:
        arguments = [sys.executable, "-c", _OTHER_PROCESS, url, str(clock)]
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.answer() == ["ready"]

    def send(self, *names: str) -> None:
        """Have it claim keys, without waiting for it."""
        assert self.process.stdin
        self.process.stdin.write(" ".join(names) + "\n")
        self.process.stdin.flush()

    def answer(self) -> list[str]:
        """Return what became of the next claims."""
        assert self.process.stdout
        return self.process.stdout.readline().split()

    def claim(self, *names: str) -> list[str]:
        """Have it claim keys."""
        self.send(*names)
        return self.answer()

    def kill(self) -> None:
        """Kill it and wait until it is a zombie."""
        self.process.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)

    def end(self) -> None:
        """End it and everything about it."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture(params=["postgresql", "redis"])
def kind(request: pytest.FixtureRequest) -> str:
    """Name each kind of server, in turn."""
    return str(request.param)


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest) -> str:
    """Give a place on the server that nobody has used."""
    return str(request.getfixturevalue(f"{kind}_url"))


@pytest.fixture
def server(kind: str, request: pytest.FixtureRequest) -> Iterator[PrivateServer]:
    """Give the server itself, which runs again after the test."""
    server = request.getfixturevalue(f"{kind}_server")
    yield server
    server.restart()


@pytest.fixture
def store(url: str) -> Iterator[DedupStore]:
    """Open the store."""
    store = open_store(url)
    yield store
    store.close()


@pytest.fixture
def proxy(kind: str, request: pytest.FixtureRequest) -> Iterator[AnswerLoser]:
    """Stand between a store and its server."""
    with answer_loser(request.getfixturevalue(f"{kind}_server").port) as proxy:
        yield proxy


@pytest.fixture
def behind(kind: str, url: str, proxy: AnswerLoser, request: pytest.FixtureRequest) -> Iterator[DedupStore]:
    """Open the store through the proxy."""
    port = request.getfixturevalue(f"{kind}_server").port
    store = open_store(url.replace(f":{port}/", f":{proxy.port}/"))
    yield store
    store.close()


@pytest.fixture
def others(url: str) -> Iterator[Callable[..., OtherProcess]]:
    """Give a function that starts another process, which ends with the test."""
    started: list[OtherProcess] = []

    def start(clock: float = 0.0) -> OtherProcess:
        started.append(OtherProcess(url, clock))
        return started[-1]

    yield start
    for process in started:
        process.end()


def acquire(store: DedupStore, key: Key = KEY) -> Acquired:
    """Claim a key that is free."""
    [claim] = store.claim([key])
    assert isinstance(claim, Acquired)
    return claim


#: Every call that changes something.
CALLS: dict[str, Callable[[DedupStore, Acquired], object]] = {
    "claim": lambda store, _: store.claim([OTHER]),
    "complete": lambda store, claim: store.complete([claim]),
    "release": lambda store, claim: store.release([claim], failed=True),
    "discard": lambda store, claim: store.discard([claim]),
    "renew": lambda store, claim: store.renew([claim]),
}


# -- other processes --


def test_two_processes_race_for_each_key(others: Callable[[], OtherProcess]) -> None:
    """Of two processes that claim the same keys in opposite order, exactly one acquires each."""
    one, other = others(), others()
    for batch in range(20):
        names = [f"{batch}-{number}" for number in range(100)]
        one.send(*names)
        other.send(*reversed(names))

        for pair in zip(one.answer(), reversed(other.answer()), strict=True):
            assert sorted(pair) == ["Acquired", "Busy"]


def test_a_claim_of_a_live_process_is_busy(store: DedupStore, others: Callable[[], OtherProcess]) -> None:
    """While its owner lives and its lease runs, a claim holds against other processes."""
    assert others().claim("id") == ["Acquired"]

    assert store.claim([KEY]) == [Busy()]
    assert store.forget([KEY]) == [False]


@pytest.mark.parametrize("clock", [-3600, 3600])
def test_a_wrong_clock_ends_no_lease(store: DedupStore, others: Callable[..., OtherProcess], clock: float) -> None:
    """E13: leases go by the server's clock, whatever that of a worker says."""
    acquire(store)
    other = others(clock)

    assert other.claim("id", "other") == ["Busy", "Acquired"]
    assert store.claim([OTHER]) == [Busy()]


def test_a_claim_of_a_killed_process_is_free_at_once(store: DedupStore, others: Callable[[], OtherProcess]) -> None:
    """A claim whose owner died on this machine is taken over in the same attempt, however long its lease runs."""
    store.release([acquire(store)], failed=True)
    other = others()
    assert other.claim("id", "other") == ["Acquired", "Acquired"]
    other.kill()

    fresh, taken = store.claim([Key("scope", "fresh"), KEY])

    assert isinstance(fresh, Acquired)
    assert isinstance(taken, Acquired)
    assert (fresh.attempt, taken.attempt) == (1, 2)
    assert store.forget([OTHER]) == [True]
    assert store.complete([taken]) == [True]


def test_one_heir_takes_over(others: Callable[[], OtherProcess]) -> None:
    """Of several that find the claims of a dead owner at the same time, one acquires each."""
    names = [str(number) for number in range(200)]
    dead = others()
    dead.claim(*names)
    heirs = [others(), others()]
    dead.kill()

    for heir in heirs:
        heir.send(*names)

    for pair in zip(*(heir.answer() for heir in heirs), strict=True):
        assert sorted(pair) == ["Acquired", "Busy"]


def test_many_workers_at_the_same_keys_wait_for_nobody_in_a_circle(url: str) -> None:
    """Batches in any order, claimed, renewed and completed at the same time, never deadlock."""
    failed = Event()

    def work(keys: list[Key]) -> int:
        recorded = 0
        with closing(open_store(url)) as store, setting_on_error(failed):
            while (answers := store.claim(keys)) != [Done()] * len(keys) and not failed.is_set():
                claims = [answer for answer in answers if isinstance(answer, Acquired)]
                store.renew(claims[::-1])
                recorded += sum(store.complete(claims[::-2]))
                store.release(claims, failed=False)
        return recorded

    with ThreadPoolExecutor(4) as pool:
        for turn in range(15):
            keys = [Key(f"scope {turn}", str(number)) for number in range(100)]
            assert sum(pool.map(work, [keys, keys[::-1]] * 2)) == len(keys)


def test_who_completes_and_claims_waits_for_nobody_who_claims_the_same(url: str) -> None:
    """Completing some keys and claiming others in one call never deadlocks with a claim of all these."""
    with closing(open_store(url)) as store, closing(open_store(url)) as other, ThreadPoolExecutor(1) as pool:
        for turn in range(15):
            # UUIDs are kept as they are: the new keys come before the others.
            keys = [Key(f"scope {turn}", str(UUID(int=number))) for number in range(200)]
            new, own = keys[:100], keys[100:]
            claims = [claim for claim in store.claim(own) if isinstance(claim, Acquired)]

            others = pool.submit(other.claim, keys)
            done, answers = store.complete_and_claim(claims, new)

            assert done == [True] * len(own)
            for pair in zip(answers, others.result()[:100], strict=True):
                assert sorted(type(answer).__name__ for answer in pair) == ["Acquired", "Busy"]


# -- servers that stop --


@pytest.mark.parametrize("call", CALLS)
def test_a_stopped_server_is_an_error_that_passes(
    server: PrivateServer, store: DedupStore, url: str, call: str
) -> None:
    """A call to a server that is gone is a DedupError without a secret; when it is back, the call works."""
    claim = acquire(store)
    server.stop()
    for _ in range(2):
        with pytest.raises(DedupError, match="cannot use dedup store") as caught:
            CALLS[call](store, claim)
        assert "s3cret" not in str(caught.value)

    server.start()
    CALLS[call](store, claim)

    expected = {"claim": Busy, "complete": Done, "release": Acquired, "discard": Acquired, "renew": Busy}
    with closing(open_store(url)) as observer:
        [found] = observer.claim([OTHER if call == "claim" else KEY])
    assert isinstance(found, expected[call])


def test_a_restart_costs_at_most_one_call(server: PrivateServer, store: DedupStore) -> None:
    """A server that was restarted meanwhile is connected to anew, and nothing that was done is lost."""
    store.complete([acquire(store)])
    server.restart()

    with suppress(DedupError):
        store.claim([KEY])

    assert store.claim([KEY]) == [Done()]


def test_what_is_done_survives_a_crash(kind: str, server: PrivateServer, store: DedupStore, url: str) -> None:
    """DONE is on the disk when the call returns."""
    claims = [acquire(store, Key("scope", str(number))) for number in range(20)]
    assert all(store.complete(claims))
    server.stop(signal.SIGQUIT if kind == "postgresql" else signal.SIGKILL)
    server.start()

    with closing(open_store(url)) as observer:
        assert observer.claim([claim.key for claim in claims]) == [Done()] * 20


def test_a_claim_survives_a_crash(kind: str, server: PrivateServer, store: DedupStore) -> None:
    """Its worker lives on, and the DONE of what it was at counts."""
    claim = acquire(store)
    server.stop(signal.SIGQUIT if kind == "postgresql" else signal.SIGKILL)
    server.start()

    with suppress(DedupError):  # the connection was lost
        store.complete([claim])
    assert store.complete([claim]) == [True]


def test_what_was_given_up_in_vain_is_free_after_a_crash(kind: str, server: PrivateServer, store: DedupStore) -> None:
    """Nobody waits for the end of a lease."""
    store.release([acquire(store)], failed=True)
    server.stop(signal.SIGQUIT if kind == "postgresql" else signal.SIGKILL)
    server.start()

    with suppress(DedupError):
        store.claim([OTHER])
    [claim] = store.claim([KEY])
    assert isinstance(claim, Acquired)
    assert claim.attempt == 2


# -- answers that get lost --


@pytest.mark.parametrize("call", CALLS)
def test_a_call_whose_answer_was_lost_can_be_repeated(
    proxy: AnswerLoser, behind: DedupStore, store: DedupStore, call: str
) -> None:
    """The server did it, and nobody was told: the same call again counts once."""
    claim = acquire(behind)
    behind.complete([acquire(behind, Key("scope", "the connection is open"))])
    proxy.armed = True
    with pytest.raises(DedupError):
        CALLS[call](behind, claim)
    assert not proxy.armed

    again = CALLS[call](behind, claim)

    if call == "claim":
        assert isinstance(again, list)
        assert isinstance(again[0], Acquired)
        assert (again[0].attempt, again[0].interrupted) == (1, False)
        assert behind.complete(again) == [True]
    elif call == "complete":
        assert again == [True]
        assert store.claim([KEY]) == [Done()]
    elif call == "release":
        assert acquire(store).attempt == 2


def test_a_lost_answer_to_both_at_once_can_be_asked_for_again(
    proxy: AnswerLoser, behind: DedupStore, store: DedupStore
) -> None:
    """What was completed is, and what was claimed is the asker's, at its first attempt."""
    claim = acquire(behind)
    behind.complete([acquire(behind, Key("scope", "the connection is open"))])
    proxy.armed = True
    with pytest.raises(DedupError):
        behind.complete_and_claim([claim], [OTHER])
    assert not proxy.armed

    completed, [again] = behind.complete_and_claim([claim], [OTHER])

    assert completed == [True]
    assert isinstance(again, Acquired)
    assert (again.attempt, again.interrupted) == (1, False)
    assert store.claim([KEY, OTHER]) == [Done(), Busy()]


def test_what_was_claimed_for_nobody_is_held_against_others(
    proxy: AnswerLoser, behind: DedupStore, store: DedupStore
) -> None:
    """Only the store that lost the answer knows that nobody works under the claim."""
    behind.claim([OTHER])
    proxy.armed = True
    with pytest.raises(DedupError):
        behind.claim([KEY])

    assert store.claim([KEY]) == [Busy()]
    assert isinstance(behind.claim([KEY])[0], Acquired)
