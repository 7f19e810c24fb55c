"""Patience with a dedup store that does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from amqptool.dedup.interface import Acquired, Claim, DedupStore, Key, State
from amqptool.dedup.memory import MemoryStore
from amqptool.dedup.sqlite import SqliteStore
from amqptool.errors import DedupError
from amqptool.work.store import PATIENCE, STALLED, StoreThread
from tests.support.model_store import HeldCalls
from tests.support.virtual_time import Clock, VirtualLoop, advance

KEY = Key("scope", "id")


class Stall:
    """A call that does not come back, by a clock of the test's."""

    def __init__(self, loop: VirtualLoop, clock: Clock, store: DedupStore) -> None:
        self.calls = HeldCalls()
        self.calls.is_held = True
        self.store = StoreThread(store, self.calls)
        self.claiming: asyncio.Task[tuple[list[bool], list[Claim]]] = loop.create_task(
            self.store.complete_and_claim([], [KEY])
        )
        self._loop = loop
        self._clock = clock

    def wait(self, seconds: float) -> None:
        """Let so much time pass."""
        advance(self._clock, seconds, lambda: [self._loop])


@pytest.fixture
def clock() -> Clock:
    """Give a clock that stands still."""
    return Clock()


@pytest.fixture
def loop(clock: Clock) -> Iterator[VirtualLoop]:
    """Give a loop by that clock."""
    with closing(VirtualLoop(clock)) as loop:
        yield loop


def test_a_store_that_does_not_answer_is_failing_until_it_does(
    loop: VirtualLoop, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """After seconds that no call takes it counts as failing; the call is not repeated, and its answer counts."""
    stall = Stall(loop, clock, MemoryStore())
    stall.wait(STALLED + 1)
    assert not stall.store.is_healthy
    assert "has not answered for 15 seconds; holding all messages un-acked" in caplog.text

    stall.calls.let_go()
    stall.wait(0)

    _, [claim] = stall.claiming.result()
    assert isinstance(claim, Acquired)
    assert stall.store.is_healthy


def test_a_loop_that_was_held_up_is_no_failure_of_the_store(
    loop: VirtualLoop, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """An answer that came meanwhile counts, and nobody is told that it did not."""
    stall = Stall(loop, clock, MemoryStore())
    stall.wait(0)
    clock.now += STALLED + 1
    stall.calls.let_go()
    stall.wait(0)

    assert stall.claiming.done()
    assert not caplog.records


def test_a_store_that_never_answers_is_given_up(loop: VirtualLoop, clock: Clock) -> None:
    """A minute later the call fails, as all calls of a failing store do."""
    stall = Stall(loop, clock, MemoryStore())
    stall.wait(STALLED + PATIENCE + 1)

    with pytest.raises(DedupError, match="has not answered"):
        stall.claiming.result()


def test_a_handler_s_transaction_may_keep_the_store_waiting(loop: VirtualLoop, clock: Clock, tmp_path: Path) -> None:
    """A file has one transaction at a time: that a call waits for that of a handler is no failure."""
    with closing(SqliteStore(tmp_path / "dedup.db")) as store:
        [claim] = store.claim([Key("scope", "handled")])
        assert isinstance(claim, Acquired)
        stall = Stall(loop, clock, store)
        with store.transaction(claim):
            stall.wait(STALLED + PATIENCE + 1)
            assert stall.store.is_healthy
        stall.calls.let_go()
        stall.wait(0)
        assert stall.claiming.done()


def test_a_handler_s_transaction_that_is_over_excuses_nothing(loop: VirtualLoop, clock: Clock, tmp_path: Path) -> None:
    """A store that does not answer after it is failing, as any other is."""
    with closing(SqliteStore(tmp_path / "dedup.db")) as store:
        [claim] = store.claim([Key("scope", "handled")])
        assert isinstance(claim, Acquired)
        with store.transaction(claim):
            pass
        stall = Stall(loop, clock, store)
        stall.wait(STALLED + 1)
        assert not stall.store.is_healthy
        stall.calls.let_go()
        stall.wait(0)
        assert stall.store.is_healthy


def state_of(store: MemoryStore) -> State | None:
    """Return in which state the store has the key."""
    return next((State(entry.row.state) for entry in store.find(KEY.message_id)), None)


def test_a_claim_for_which_nobody_waits_any_more_is_given_up(loop: VirtualLoop, clock: Clock) -> None:
    """Or nobody would handle its message, for as long as the process lives."""
    store = MemoryStore()
    stall = Stall(loop, clock, store)
    stall.wait(0)
    stall.claiming.cancel()
    stall.wait(0)
    stall.calls.let_go()
    assert state_of(store) is State.RELEASED


@pytest.mark.parametrize("after", [1.0, STALLED + PATIENCE + 1])
def test_a_claim_is_given_up_also_behind_a_store_that_does_not_answer(
    loop: VirtualLoop, clock: Clock, after: float
) -> None:
    """Whoever gives it up may not wait so long."""
    store = MemoryStore()
    [claim] = store.claim([KEY])
    assert isinstance(claim, Acquired)
    stall = Stall(loop, clock, store)
    giving_up = loop.create_task(stall.store.release([claim], failed=False))
    for task in (stall.claiming, giving_up):
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # which is no news
    stall.wait(after)
    stall.claiming.cancel()
    giving_up.cancel()
    stall.wait(0)
    stall.calls.let_go()
    assert state_of(store) is State.RELEASED
