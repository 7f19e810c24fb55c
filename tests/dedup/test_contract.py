"""What every dedup store does, the same for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from amqptool.dedup.interface import (
    LEASE,
    PRUNE_BATCH,
    RETENTION,
    Acquired,
    Busy,
    Claim,
    Counts,
    DedupStore,
    Done,
    Key,
    State,
)
from amqptool.dedup.memory import MemoryStore
from amqptool.dedup.postgresql import PostgresqlStore
from amqptool.dedup.redis import RedisStore
from amqptool.dedup.sqlite import SqliteStore

KEY, OTHER = Key("scope", "id"), Key("scope", "other")
LEASE_SECONDS, RETENTION_SECONDS = 10.0, 1000.0


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


#: A worker of which no other can tell whether it lives: only its lease counts.
ELSEWHERE = "another machine"


class World:
    """One store as seen by several workers."""

    def __init__(self, kind: str, place: str, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.kind = kind
        self._place = place
        self._opened: list[DedupStore] = []
        self.store = self.open()

    def open(self) -> DedupStore:
        """Open the store as another worker would."""
        if self.kind == "memory" and self._opened:
            return self._opened[0]
        store = OPENERS[self.kind](self._place, lease=LEASE_SECONDS, retention=RETENTION_SECONDS, clock=self.clock)
        self._opened.append(store)
        return store

    def close(self) -> None:
        """Close whatever was opened."""
        for store in self._opened:
            store.close()


#: How each kind of store is opened at a place.
OPENERS: dict[str, Callable[..., DedupStore]] = {
    "memory": lambda _place, **settings: MemoryStore(**settings),
    "sqlite": partial(SqliteStore, owner=ELSEWHERE),
    "postgresql": partial(PostgresqlStore, owner=ELSEWHERE),
    "redis": partial(RedisStore, owner=ELSEWHERE),
}


@pytest.fixture
def place_of(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Give a function that names an empty place for a kind of store."""

    def place_of(kind: str) -> str:
        if kind in ("postgresql", "redis"):
            return str(request.getfixturevalue(f"{kind}_url"))
        return str(tmp_path / "dedup.db")

    return place_of


@pytest.fixture(params=OPENERS)
def world(request: pytest.FixtureRequest, place_of: Callable[[str], str]) -> Iterator[World]:
    """Give a world for each kind of store."""
    world = World(request.param, place_of(request.param))
    yield world
    world.close()


#: For stores that forget when they are pruned; Redis forgets by itself (test_redis.py).
pruning = pytest.mark.parametrize("world", [kind for kind in OPENERS if kind != "redis"], indirect=True)


@pytest.fixture
def store(world: World) -> DedupStore:
    """Give the store itself."""
    return world.store


@pytest.fixture
def clock(world: World) -> Clock:
    """Give the store's clock."""
    return world.clock


def acquire(store: DedupStore, key: Key = KEY) -> Acquired:
    """Claim a key that is free."""
    [claim] = store.claim([key])
    assert isinstance(claim, Acquired)
    return claim


def look(store: DedupStore, key: Key = KEY) -> Claim:
    """Claim a key and return whatever comes of it."""
    [claim] = store.claim([key])
    return claim


def test_a_fresh_key_is_acquired(store: DedupStore) -> None:
    """The first claim of a key succeeds and begins its first attempt."""
    claim = acquire(store)

    assert (claim.key, claim.attempt) == (KEY, 1)


def test_every_claim_of_a_key_has_a_token_of_its_own(store: DedupStore) -> None:
    """No two claims of a key share a token, and so nobody writes under the claim of another."""
    tokens = set()
    for _ in range(3):
        claim = acquire(store)
        tokens.add(claim.token)
        store.release([claim], failed=False)

    assert len(tokens) == 3


def test_a_claimed_key_is_busy(world: World) -> None:
    """While one worker holds a key, everybody else is told to look again, the same process included."""
    acquire(world.store)

    assert look(world.open()) == Busy()
    assert look(world.store) == Busy()


def test_done_suppresses(world: World) -> None:
    """Once complete, a key is done for everybody."""
    assert world.store.complete([acquire(world.store)]) == [True]

    assert look(world.open()) == Done()
    assert look(world.store) == Done()


@pytest.mark.parametrize(("failed", "attempt"), [(True, 2), (False, 1)])
def test_a_released_key_can_be_claimed_again(store: DedupStore, failed: bool, attempt: int) -> None:
    """A released key is free at once; its attempts count the failures and nothing else."""
    store.release([acquire(store)], failed=failed)

    assert acquire(store).attempt == attempt


def test_failures_add_up(store: DedupStore) -> None:
    """Each failed attempt counts, and one that was given back in between does not."""
    attempts = []
    for failed in (True, False, True, True):
        claim = acquire(store)
        attempts.append(claim.attempt)
        store.release([claim], failed=failed)

    assert [*attempts, acquire(store).attempt] == [1, 2, 2, 3, 4]


def test_a_released_key_never_suppresses(store: DedupStore, clock: Clock) -> None:
    """Only DONE suppresses: a key that was released can be claimed at any later time."""
    store.release([acquire(store)], failed=True)
    clock.now += 2 * RETENTION_SECONDS

    assert isinstance(look(store), Acquired)


@pytest.mark.parametrize(("seconds", "free"), [(0.0, False), (9.9, False), (10.0, True), (1e6, True)])
def test_a_lease_ends(store: DedupStore, clock: Clock, seconds: float, free: bool) -> None:
    """A key whose claim was not renewed is free again when the lease is over, and not before."""
    acquire(store)
    clock.now += seconds

    assert isinstance(look(store), Acquired if free else Busy)


def test_a_takeover_has_a_new_token(store: DedupStore, clock: Clock) -> None:
    """Who takes over after a lease holds the key under another token, in the same attempt."""
    old = acquire(store)
    clock.now += LEASE_SECONDS
    new = acquire(store)

    assert new.token != old.token
    assert new.attempt == old.attempt


def test_a_takeover_is_told_from_a_new_claim(store: DedupStore, clock: Clock) -> None:
    """What somebody left without a word may be what killed them; what was given up is not."""
    first = acquire(store)
    store.release([first], failed=True)
    second = acquire(store)
    clock.now += LEASE_SECONDS
    third = acquire(store)
    store.release([third], failed=False)

    assert [claim.interrupted for claim in (first, second, third, acquire(store))] == [False, False, True, False]


def test_an_attempt_that_was_counted_in_advance_counts_for_who_takes_over(store: DedupStore, clock: Clock) -> None:
    """A worker may count before it begins; giving up in time takes it back."""
    claim = acquire(store)
    store.renew([claim._replace(attempt=2)])
    store.release([claim], failed=False)
    again = acquire(store)
    store.renew([again._replace(attempt=2)])
    clock.now += LEASE_SECONDS

    assert (again.attempt, acquire(store).attempt) == (1, 2)


def test_the_old_token_cannot_complete(store: DedupStore, clock: Clock) -> None:
    """After a takeover the old holder's DONE is refused, and the new one's counts."""
    old = acquire(store)
    clock.now += LEASE_SECONDS
    new = acquire(store)

    assert store.complete([old]) == [False]
    assert look(store) == Busy()
    assert store.complete([new]) == [True]


@pytest.mark.parametrize("failed", [False, True])
def test_the_old_token_cannot_release(store: DedupStore, clock: Clock, failed: bool) -> None:
    """After a takeover the old holder's release changes nothing."""
    old = acquire(store)
    clock.now += LEASE_SECONDS
    new = acquire(store)

    store.release([old], failed=failed)

    assert look(store) == Busy()
    store.release([new], failed=False)
    assert acquire(store).attempt == 1


def test_the_old_token_cannot_renew(store: DedupStore, clock: Clock) -> None:
    """After a takeover the old holder's renewal does not prolong the new one's lease."""
    old = acquire(store)
    clock.now += LEASE_SECONDS
    acquire(store)
    clock.now += LEASE_SECONDS - 1
    store.renew([old])
    clock.now += 1

    assert isinstance(look(store), Acquired)


@pytest.mark.parametrize("is_done", [False, True])
def test_nothing_that_an_old_token_writes_leaves_a_trace(store: DedupStore, clock: Clock, is_done: bool) -> None:
    """After a takeover the row stays as the new holder has it: its token, its lease, its attempts, its DONE."""
    old = acquire(store)
    clock.now += LEASE_SECONDS
    new = acquire(store)
    if is_done:
        store.complete([new])
    before = store.find("id")
    clock.now += 1

    assert store.complete([old]) == [False]
    store.renew([old._replace(attempt=5)])
    store.release([old], failed=True)
    store.release([old], failed=False)
    store.discard([old])

    assert store.find("id") == before


def test_an_overdue_holder_may_complete_while_nobody_took_over(store: DedupStore, clock: Clock) -> None:
    """A lease that is over loses the claim only to somebody else: until then DONE counts."""
    claim = acquire(store)
    clock.now += 5 * LEASE_SECONDS

    assert store.complete([claim]) == [True]
    assert look(store) == Done()


def test_renewing_prolongs_a_lease(store: DedupStore, clock: Clock) -> None:
    """A renewed claim holds for one whole lease from its renewal, and keeps its token."""
    claim = acquire(store)
    for _ in range(3):
        clock.now += LEASE_SECONDS - 1
        store.renew([claim])

    clock.now += LEASE_SECONDS - 1
    assert look(store) == Busy()
    assert store.complete([claim]) == [True]


def test_a_renewed_lease_ends_too(store: DedupStore, clock: Clock) -> None:
    """After the last renewal a lease runs out as any other."""
    store.renew([acquire(store)])
    clock.now += LEASE_SECONDS

    assert isinstance(look(store), Acquired)


def test_a_released_claim_has_ended(store: DedupStore) -> None:
    """After its claim was given up, a token can neither complete, release nor renew."""
    claim = acquire(store)
    store.release([claim], failed=False)

    assert store.complete([claim]) == [False]
    store.release([claim], failed=True)
    store.renew([claim])

    assert acquire(store).attempt == 1


def test_done_stays_done(store: DedupStore) -> None:
    """After its claim was completed, a token can neither release, renew nor discard."""
    claim = acquire(store)
    store.complete([claim])

    store.release([claim], failed=True)
    store.renew([claim])
    store.discard([claim])

    assert look(store) == Done()


def test_completing_again_is_recorded_too(store: DedupStore) -> None:
    """Whoever did not get the answer asks again, and learns that DONE is there by its own token."""
    claim = acquire(store)

    assert store.complete([claim]) == [True]
    assert store.complete([claim]) == [True]
    assert store.complete([Acquired(KEY, "another", 1)]) == [False]


def test_a_token_that_never_was_counts_for_nothing(store: DedupStore) -> None:
    """Completing, releasing or renewing what nobody claimed neither works nor leaves a trace."""
    never = Acquired(KEY, "never", 7)

    assert store.complete([never]) == [False]
    store.release([never], failed=True)
    store.renew([never])

    assert acquire(store).attempt == 1


def test_a_foreign_token_counts_for_nothing(store: DedupStore) -> None:
    """The token alone proves a claim: knowing the key is not enough."""
    claim = acquire(store)

    assert store.complete([Acquired(KEY, "guess", 1)]) == [False]
    assert store.complete([Acquired(OTHER, claim.token, 1)]) == [False]
    assert store.complete([claim]) == [True]


def test_scopes_are_separate(store: DedupStore) -> None:
    """The same id in another scope is another key: both queues of a fanout handle their copy."""
    orders, audit = Key("orders", "id"), Key("audit", "id")
    store.complete([acquire(store, orders)])

    store.complete([acquire(store, audit)])

    assert store.claim([orders, audit]) == [Done(), Done()]


def test_scope_and_id_do_not_run_together(store: DedupStore) -> None:
    """Where the scope ends and the id begins matters."""
    acquire(store, Key("a", "bc"))

    assert isinstance(look(store, Key("ab", "c")), Acquired)


@pytest.mark.parametrize("scope", ["", "žluťoučký", "a\x00b", "%'\";--", "x" * 10_000, "a\udcff"])
def test_any_text_is_a_scope(store: DedupStore, scope: str) -> None:
    """Names of queues and clusters may hold anything, also what is no UTF-8."""
    store.complete([acquire(store, Key(scope, "id"))])
    assert [entry.key.scope for entry in store.find("id")] == [counts.scope for counts in store.counts()] == [scope]

    assert look(store, Key(scope, "id")) == Done()
    assert isinstance(look(store, Key(f"{scope}x", "id")), Acquired)


def test_a_batch_is_answered_in_order(store: DedupStore) -> None:
    """Each key of a batch gets its own answer, in the order of asking."""
    done, busy, fresh = Key("s", "done"), Key("s", "busy"), Key("s", "fresh")
    store.complete([acquire(store, done)])
    acquire(store, busy)

    first, second, third, fourth = store.claim([fresh, done, busy, OTHER])

    assert isinstance(first, Acquired)
    assert first.key == fresh
    assert (second, third) == (Done(), Busy())
    assert isinstance(fourth, Acquired)
    assert fourth.key == OTHER


def test_completing_a_batch_answers_for_each(store: DedupStore) -> None:
    """One refused claim does not stop the others of its batch."""
    one, two = acquire(store), acquire(store, OTHER)

    assert store.complete([one, Acquired(KEY, "never", 1), two]) == [True, False, True]
    assert store.claim([KEY, OTHER]) == [Done(), Done()]


def test_the_same_key_twice_in_one_batch_is_acquired_once(store: DedupStore) -> None:
    """Two copies of one message in one batch: the first is acquired, the second is busy."""
    first, second = store.claim([KEY, KEY])

    assert isinstance(first, Acquired)
    assert second == Busy()


def test_the_same_claim_twice_in_one_batch_is_recorded(store: DedupStore) -> None:
    """A claim that is completed twice in one batch is done, and both answers say so."""
    claim = acquire(store)

    assert store.complete([claim, claim]) == [True, True]
    assert look(store) == Done()


def test_completing_and_claiming_at_once_is_one_after_the_other(world: World) -> None:
    """Each claim and each key is answered, in order, also those that are another's, done before or done just now."""
    store, other = world.store, world.open()
    mine, before = acquire(store), acquire(store, Key("scope", "before"))
    store.complete([before])
    foreign = acquire(other, OTHER)
    stale = foreign._replace(token="no token")
    new = Key("scope", "new")

    completed, claims = store.complete_and_claim([mine, stale], [OTHER, new, before.key, mine.key])

    assert completed == [True, False]
    busy, fresh, *done = claims
    assert (busy, done) == (Busy(), [Done(), Done()])
    assert isinstance(fresh, Acquired)
    assert store.complete([fresh]) == [True]


@pytest.mark.parametrize("completes", [True, False])
def test_completing_and_claiming_may_be_only_one_of_them(store: DedupStore, completes: bool) -> None:
    """There need be nothing of the other."""
    claims = [acquire(store)] if completes else []
    keys = [] if completes else [OTHER]

    completed, claimed = store.complete_and_claim(claims, keys)

    assert completed == [True] * len(claims)
    assert [type(claim) for claim in claimed] == [Acquired] * len(keys)


def test_empty_batches_do_nothing(store: DedupStore) -> None:
    """Every method takes an empty batch."""
    assert store.claim([]) == []
    assert store.complete([]) == []
    store.release([], failed=True)
    store.renew([])
    assert store.prune() == 0


def test_a_large_batch_is_one_call(store: DedupStore) -> None:
    """Thousands of keys at once are all answered, and each is a claim of its own."""
    keys = [Key("scope", str(number)) for number in range(3000)]

    claims = [claim for claim in store.claim(keys) if isinstance(claim, Acquired)]

    assert [claim.key for claim in claims] == keys
    assert all(store.complete(claims))
    assert store.claim(keys) == [Done()] * 3000


@pruning
def test_done_is_forgotten_after_the_retention(store: DedupStore, clock: Clock) -> None:
    """Pruning forgets a DONE that is older than the retention, and says how many it forgot."""
    store.complete([acquire(store), acquire(store, OTHER)])
    clock.now += RETENTION_SECONDS + 1

    assert store.prune() == 2
    assert isinstance(look(store), Acquired)


def test_the_retention_counts_from_completion(store: DedupStore, clock: Clock) -> None:
    """However long the work took, DONE is remembered for the whole retention after it."""
    claim = acquire(store)
    clock.now += 5 * RETENTION_SECONDS
    store.complete([claim])
    clock.now += RETENTION_SECONDS - 1

    assert store.prune() == 0
    assert look(store) == Done()


def test_done_suppresses_until_it_is_pruned(store: DedupStore, clock: Clock) -> None:
    """The retention is a promise to remember at least so long: nothing is forgotten but by pruning."""
    store.complete([acquire(store)])
    clock.now += 10 * RETENTION_SECONDS

    assert look(store) == Done()


@pruning
def test_released_keys_are_pruned_too(store: DedupStore, clock: Clock) -> None:
    """A key that was released and never came back does not stay for ever."""
    store.release([acquire(store)], failed=True)

    assert store.prune() == 0
    clock.now += RETENTION_SECONDS + 1
    assert store.prune() == 1
    assert acquire(store).attempt == 1


def test_a_live_claim_is_never_pruned(store: DedupStore, clock: Clock) -> None:
    """A claim that is renewed stays, however old it is."""
    claim = acquire(store)
    for _ in range(3):
        clock.now += RETENTION_SECONDS + 1
        store.renew([claim])
        assert store.prune() == 0

    assert look(store) == Busy()
    assert store.complete([claim]) == [True]


def test_an_overdue_claim_is_not_pruned_at_once(store: DedupStore, clock: Clock) -> None:
    """A holder that is late, say suspended, still finds its claim."""
    claim = acquire(store)
    clock.now += LEASE_SECONDS + 1

    assert store.prune() == 0
    assert store.complete([claim]) == [True]


def test_keys_are_counted_by_scope(store: DedupStore) -> None:
    """Each scope has its line, with how many of its keys are in each state."""
    store.complete([acquire(store), acquire(store, OTHER)])
    acquire(store, Key("scope", "claimed"))
    store.release([acquire(store, Key("audit", "id"))], failed=True)

    assert store.counts() == [Counts("audit", 0, 0, 1), Counts("scope", 1, 2, 0)]


def test_an_empty_store_counts_nothing(store: DedupStore) -> None:
    """Without keys there are no scopes, and nothing is found."""
    assert store.counts() == []
    assert store.find("id") == []


def test_an_id_is_found_in_every_scope(store: DedupStore, clock: Clock) -> None:
    """What is known of an id comes for each scope that knows it, and for no other id."""
    store.complete([acquire(store), acquire(store, OTHER)])
    claim = acquire(store, Key("audit", "id"))

    audit, scope = store.find("id")

    assert (audit.key, audit.row.state, audit.row.token) == (Key("audit", "id"), State.CLAIMED, claim.token)
    assert (audit.row.lease_until, audit.row.attempt) == (clock.now + LEASE_SECONDS, 1)
    assert (scope.key, scope.row.state) == (KEY, State.DONE)


def test_what_is_forgotten_can_be_claimed_again(store: DedupStore) -> None:
    """Done and released keys go, each key of the batch is answered for, also one that comes twice; others stay."""
    store.complete([acquire(store), acquire(store, Key("s", "kept"))])
    store.release([acquire(store, OTHER)], failed=True)

    assert store.forget([KEY, Key("s", "never"), OTHER, KEY]) == [True, False, True, True]

    assert acquire(store).attempt == acquire(store, OTHER).attempt == 1
    assert look(store, Key("s", "kept")) == Done()


def test_what_somebody_is_working_on_is_not_forgotten(store: DedupStore, clock: Clock) -> None:
    """A live claim stays until its lease is over: its DONE would be lost."""
    claim = acquire(store)
    assert store.forget([KEY]) == [False]
    assert store.complete([claim]) == [True]

    acquire(store, OTHER)
    clock.now += LEASE_SECONDS
    assert store.forget([OTHER]) == [True]


def test_a_discarded_claim_leaves_nothing(store: DedupStore) -> None:
    """The key is free again, and its attempts begin anew."""
    store.release([acquire(store)], failed=True)
    claim = acquire(store)
    assert claim.attempt == 2

    store.discard([claim])

    assert store.find("id") == []
    assert acquire(store).attempt == 1


def test_the_old_token_cannot_discard(store: DedupStore, clock: Clock) -> None:
    """After a takeover the old holder's claim is nothing to discard, and DONE stays done."""
    old = acquire(store)
    clock.now += LEASE_SECONDS
    new = acquire(store)

    store.discard([old])
    assert look(store) == Busy()

    store.complete([new])
    store.discard([new])
    assert look(store) == Done()


@pruning
def test_an_abandoned_claim_is_pruned_after_the_retention(store: DedupStore, clock: Clock) -> None:
    """A claim that nobody renewed for the whole retention does not stay for ever."""
    acquire(store)
    clock.now += LEASE_SECONDS + RETENTION_SECONDS + 1

    assert store.prune() == 1


@pruning
def test_pruning_goes_in_batches(store: DedupStore, clock: Clock) -> None:
    """One call forgets so many at most, and the last one says that there are no more."""
    keys = [Key("scope", str(number)) for number in range(PRUNE_BATCH + 1)]
    store.complete([claim for claim in store.claim(keys) if isinstance(claim, Acquired)])
    clock.now += RETENTION_SECONDS + 1

    assert [store.prune() for _ in range(3)] == [PRUNE_BATCH, 1, 0]


@pruning
def test_pruning_leaves_what_is_young(store: DedupStore, clock: Clock) -> None:
    """Pruning takes the old and leaves the new."""
    store.complete([acquire(store)])
    clock.now += RETENTION_SECONDS
    store.complete([acquire(store, OTHER)])
    clock.now += 1

    assert store.prune() == 1
    assert look(store, OTHER) == Done()


@pytest.mark.parametrize("jump", [-1e6, -3600.0, -1.0])
def test_a_clock_that_jumps_back_changes_no_answer(store: DedupStore, clock: Clock, jump: float) -> None:
    """After the clock was set back, what was done is done, and what was claimed is claimed."""
    claim = acquire(store)
    store.complete([acquire(store, OTHER)])
    clock.now += jump

    assert store.prune() == 0
    assert store.claim([KEY, OTHER]) == [Busy(), Done()]
    store.renew([claim])
    assert store.complete([claim]) == [True]


def test_a_clock_that_jumps_forward_forgets_nothing(store: DedupStore, clock: Clock) -> None:
    """After the clock was set ahead, what was done is done, and a holder that still works can complete."""
    claim = acquire(store)
    store.complete([acquire(store, OTHER)])
    clock.now += RETENTION_SECONDS - 1

    assert store.prune() == 0
    assert look(store, OTHER) == Done()
    assert store.complete([claim]) == [True]


def test_two_threads_race_for_one_key(world: World) -> None:
    """However two workers collide, exactly one of them acquires each key."""
    keys = [Key("scope", str(number)) for number in range(50)]
    barrier = Barrier(2)
    answers: list[list[Claim]] = [[], []]

    def work(store: DedupStore, mine: list[Claim]) -> None:
        for key in keys:
            barrier.wait(30)
            mine.append(look(store, key))

    threads = [Thread(target=work, args=(world.open(), mine), daemon=True) for mine in answers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    for pair in zip(*answers, strict=True):
        assert sorted(type(claim).__name__ for claim in pair) == ["Acquired", "Busy"]
    assert len(answers[0]) == 50


@pytest.mark.parametrize("kind", OPENERS)
def test_the_defaults_are_those_of_the_interface(kind: str, place_of: Callable[[str], str]) -> None:
    """Without settings, leases and retention are the documented ones, and the clock is the store's own."""
    store = OPENERS[kind](place_of(kind))

    assert (store.lease, LEASE, RETENTION) == (300.0, 300.0, 604800.0)
    before = time.time()
    store.complete([acquire(store)])
    assert (store.prune(), look(store)) == (0, Done())
    [entry] = store.find("id")
    assert before - 1 < entry.row.lease_until - RETENTION < time.time() + 1
    store.close()


class StoresAgree(RuleBasedStateMachine):
    """Every store answers every sequence of calls in the same way."""

    def __init__(self, places: dict[str, str]) -> None:
        super().__init__()
        self.claims: list[list[Acquired]] = []
        self.scope = uuid4().hex
        self.clock = Clock()
        self.worlds = [World(kind, place, self.clock) for kind, place in places.items()]

    def teardown(self) -> None:
        """Close the stores."""
        for world in self.worlds:
            world.close()

    @rule(ids=st.lists(st.sampled_from("abc"), max_size=4))
    def claim(self, ids: list[str]) -> None:
        """Claim some keys, some of them twice."""
        keys = [Key(self.scope, name) for name in ids]
        answers = [world.store.claim(keys) for world in self.worlds]
        for all_of_them in zip(*answers, strict=True):
            assert len({(type(answer), getattr(answer, "attempt", 0)) for answer in all_of_them}) == 1
            if isinstance(all_of_them[0], Acquired):
                self.claims.append([claim for claim in all_of_them if isinstance(claim, Acquired)])

    @rule(data=st.data(), how=st.sampled_from(["complete", "fail", "release", "renew", "discard"]))
    def end(self, data: st.DataObject, how: str) -> None:
        """Write under claims, old ones and new ones."""
        if not self.claims:
            return
        picked = data.draw(st.lists(st.sampled_from(self.claims), max_size=3))
        answers = [
            self.write(world, [claims[number] for claims in picked], how) for number, world in enumerate(self.worlds)
        ]
        assert all(answer == answers[0] for answer in answers)

    def write(self, world: World, batch: list[Acquired], how: str) -> list[bool] | None:
        """Write under the claims of one store."""
        if how in ("fail", "release"):
            world.store.release(batch, failed=how == "fail")
            return None
        answer: list[bool] | None = getattr(world.store, how)(batch)
        return answer

    @rule(ids=st.lists(st.sampled_from("abcd"), max_size=3, unique=True))
    def forget(self, ids: list[str]) -> None:
        """Forget some keys."""
        keys = [Key(self.scope, name) for name in ids]
        answers = [world.store.forget(keys) for world in self.worlds]
        assert all(answer == answers[0] for answer in answers)

    @rule(seconds=st.sampled_from([0.0, 1.0, LEASE_SECONDS, RETENTION_SECONDS, RETENTION_SECONDS + 1, -5.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.now += seconds

    @rule()
    def look(self) -> None:
        """Look at all that is known."""
        counts = [[each for each in world.store.counts() if each.scope == self.scope] for world in self.worlds]
        assert all(count == counts[0] for count in counts)


def test_the_stores_agree(place_of: Callable[[str], str]) -> None:
    """However they are called, all stores give the same answers."""
    places = {kind: place_of(kind) for kind in OPENERS}
    run_state_machine_as_test(
        lambda: StoresAgree(places), settings=settings(deadline=None, max_examples=50, stateful_step_count=30)
    )
