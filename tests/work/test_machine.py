"""Settlement against whatever may happen, in every order: claims, leases, crashes, redeliveries and failing stores.

A state machine plays the broker, the handlers, the clock and fate to real pipelines on real stores. What must never
be is told by `Ledger`, and looked at after each step. At the end all faults stop, and everything must come to an end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import TypeAlias, TypeVar
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from amqptool.dedup.interface import DedupStore, Key, State
from amqptool.dedup.memory import MemoryStore
from amqptool.dedup.sqlite import SqliteStore
from amqptool.handlers.interface import Reject, Retry
from amqptool.message import Message
from amqptool.work.ladder import Ladder
from tests.support.ledger import Ledger
from tests.support.model_broker import Copy, ModelBroker
from tests.support.model_worker import Call, Mode, ModelProcess, Sending, World
from tests.support.virtual_time import Clock, advance

QUEUE, DEAD, SCOPE = "work", "dead", "scope"
LEASE = 10.0
PREFETCH = 6
#: Messages after which no more are published, until some are done.
MOST = 6
LADDERS = (
    Ladder(QUEUE, (1000, 5000), DEAD),
    Ladder(QUEUE, (), DEAD),
    Ladder(QUEUE, (1000,)),
    Ladder(QUEUE),
)
IDS = [str(UUID(int=number)) for number in range(1, 5)]
#: What becomes of a message in the end, whatever became of it before: its handler fails, or kills its process.
BAD, DEADLY = IDS[2], IDS[3]
EXAMPLES = 60
#: How many rounds each message may take until everything has come to an end, and how many seconds a round is.
ROUNDS, ROUND = 50, 5.0

#: Which of several things of a kind; there may be fewer.
PICKS = st.integers(0, 5)
#: How a handler ends: in success, or in an error.
ERRORS = st.sampled_from([None, None, None, ValueError, partial(Retry, after=2.0), Reject])
#: How many turns a worker's loop makes before the next thing happens; None: until it waits.
TURNS = st.none() | st.integers(0, 6)

T = TypeVar("T")
#: Opens a store, at a clock, for an owner.
Opener: TypeAlias = Callable[[Clock], Callable[[str], DedupStore]]

Fault: TypeAlias = Callable[[ModelProcess], None]


def crash_in_a_call(process: ModelProcess) -> None:
    """Kill a process while its store is about to do what it was asked for."""
    process.crash(last_call=True)


def lose_acks(process: ModelProcess) -> None:
    """Lose a channel before the broker has read what was written to it."""
    process.lose_channel()


def lose_channel(process: ModelProcess) -> None:
    """Lose a channel after the broker has read what was written to it."""
    process.channel.read()
    process.lose_channel()


def give_back_old(process: ModelProcess) -> None:
    """Have what waits given back, as before the broker would take it away."""
    process.give_back_old(0.0)


def lose_store(process: ModelProcess) -> None:
    """Let all calls of a store fail."""
    process.store.is_down = True


def fail_store(process: ModelProcess) -> None:
    """Let the next call of a store fail without an effect."""
    process.store.failures.append("before")


def lose_answer(process: ModelProcess) -> None:
    """Let the next call of a store have its effect, and fail."""
    process.store.failures.append("after")


def stall_store(process: ModelProcess) -> None:
    """Let the calls of a store take long."""
    process.store_calls.is_held = True


FAULTS: list[Fault] = [
    ModelProcess.crash,
    ModelProcess.stop,
    crash_in_a_call,
    lose_acks,
    lose_channel,
    give_back_old,
    lose_store,
    fail_store,
    lose_answer,
    stall_store,
]


def mend(process: ModelProcess) -> None:
    """Let the faults of a process end; a crash has no end."""
    process.store.mend()
    process.store_calls.let_go()
    if not process.channel.is_open and not process.is_stopping:
        process.reconnect()


class Settlement(RuleBasedStateMachine):
    """Workers at one queue and one store."""

    def __init__(self, opener: Opener) -> None:
        super().__init__()
        self.clock = Clock()
        self.broker = ModelBroker()
        self.bodies = (b"%d" % number for number in count())
        self.names = (f"process {number}" for number in count())
        self.opener = opener(self.clock)
        self.stores: list[DedupStore] = []
        self.looking = self.open_store("nobody")
        self.ledger = Ledger(SCOPE, self.state_of)
        self.world = World(QUEUE, SCOPE, self.clock, self.broker, self.ledger)
        self.processes: list[ModelProcess] = []

    def open_store(self, owner: str) -> DedupStore:
        """Open the store, as a worker does."""
        store = self.opener(owner)
        self.stores.append(store)
        return store

    def state_of(self, key: Key) -> State | None:
        """Look into the store."""
        entries = [entry for entry in self.looking.find(key.message_id) if entry.key == key]
        return State(entries[0].row.state) if entries else None

    @initialize(
        ladder=st.sampled_from(LADDERS),
        concurrency=st.integers(1, 3),
        commit_group=st.sampled_from([0, 2]),
        reject_missing_id=st.booleans(),
        workers=st.integers(1, 3),
    )
    def start(self, workers: int, ladder: Ladder, concurrency: int, commit_group: int, reject_missing_id: bool) -> None:
        """Start some workers; without a dead-letter queue, what is rejected would wait for ever."""
        self.mode = Mode(
            ladder=ladder,
            concurrency=concurrency,
            commit_group=commit_group,
            reject_missing_id=reject_missing_id and ladder.dead_letter is not None,
        )
        self.workers = workers
        self.start_missing()

    def run(self, turns: int | None = None) -> None:
        """Let the workers do what they have to do now."""
        for process in self.processes:
            process.run(turns)
        self.forget_ended()

    def forget_ended(self) -> None:
        """Count no process that has ended."""
        self.processes = [process for process in self.processes if not process.has_ended]

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        advance(self.clock, seconds, lambda: [process.loop for process in self.processes])
        self.run()

    # -- what there is to choose from --

    @property
    def takers(self) -> list[ModelProcess]:
        """Those who can take a delivery."""
        return [process for process in self.processes if process.can_take and len(process.channel.unacked) < PREFETCH]

    @property
    def calls(self) -> list[Call]:
        """Handlers at work."""
        return [call for process in self.processes for call in process.calls if not call.ending.done()]

    @property
    def sendings(self) -> list[tuple[ModelProcess, Sending]]:
        """Copies on their way."""
        return [
            (process, sending)
            for process in self.processes
            for sending in process.forwarder.sendings
            if not sending.outcome.done()
        ]

    @property
    def waiting(self) -> list[tuple[str, Copy]]:
        """Copies that wait for their next attempt."""
        return [
            (queue, copy)
            for queue, copies in self.broker.ready.items()
            if queue not in (QUEUE, DEAD)
            for copy in copies
        ]

    @property
    def unfinished(self) -> list[Copy]:
        """What is neither acknowledged nor dead."""
        dead = self.broker.ready[DEAD]
        return [copy for copy in self.broker.copies() if copy not in dead]

    # -- what goes well --

    @precondition(lambda self: len(self.unfinished) < MOST)
    @rule(ids=st.lists(st.sampled_from([*IDS, *IDS[:2], None, "no UUID"]), min_size=1, max_size=5))
    def publish(self, ids: list[str | None]) -> None:
        """Publish messages, whose ids may be new or not."""
        for message_id in ids:
            self.publish_one(Message(body=next(self.bodies), routing_key=QUEUE, message_id=message_id))

    def publish_one(self, message: Message) -> None:
        """Publish one message, which must not be lost from now on."""
        self.broker.publish(message)
        self.ledger.publish(message)

    @precondition(lambda self: self.broker.ready[QUEUE] and self.takers)
    @rule(pick=PICKS, number=st.integers(1, 5), turns=TURNS)
    def deliver(self, pick: int, number: int, turns: int | None) -> None:
        """Deliver messages to one worker."""
        taker = picked(self.takers, pick)
        for _ in range(min(number, len(self.broker.ready[QUEUE]))):
            taker.take()
        self.run(turns)

    @precondition(lambda self: self.calls)
    @rule(picks=st.lists(PICKS, min_size=1, max_size=3), error=ERRORS, turns=TURNS)
    def end_calls(self, picks: list[int], error: Callable[[], Exception] | None, turns: int | None) -> None:
        """Let handlers succeed or fail."""
        for pick in picks:
            if self.calls:
                end(picked(self.calls, pick), error)
        self.run(turns)

    @precondition(lambda self: self.sendings)
    @rule(pick=PICKS, how=st.sampled_from(["confirmed", "confirmed", "refused", "in doubt"]), turns=TURNS)
    def settle_copy(self, pick: int, how: str, turns: int | None) -> None:
        """Let a copy be confirmed, or not."""
        process, sending = picked(self.sendings, pick)
        process.forwarder.settle(sending, how)
        self.run(turns)

    @precondition(lambda self: self.waiting)
    @rule(pick=PICKS)
    def bring_back(self, pick: int) -> None:
        """Bring a copy back from where it waits for its next attempt."""
        queue, copy = picked(self.waiting, pick)
        self.broker.move(copy, queue, QUEUE)

    @precondition(lambda self: self.broker.ready[DEAD])
    @rule(pick=PICKS)
    def replay(self, pick: int) -> None:
        """Send a dead letter to its queue again, as a new message with its id."""
        dead = picked(self.broker.ready[DEAD], pick)
        self.broker.ready[DEAD].remove(dead)
        others = [copy for copy in self.broker.copies() if copy.message.message_id == dead.message.message_id]
        self.ledger.replay(dead.message, is_alone=not others)
        self.publish_one(replace(dead.message, body=next(self.bodies), routing_key=QUEUE))

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, LEASE, 70.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass: some of a lease, all of it, or more than a worker's patience with its store."""
        self.pass_time(seconds)
        self.read_acks()

    def read_acks(self) -> None:
        """Let the broker read what the workers have acknowledged and returned."""
        for channel in self.broker.channels:
            channel.read()

    # -- what goes wrong --

    @precondition(lambda self: self.processes)
    @rule(pick=PICKS, fault=st.sampled_from(FAULTS), turns=TURNS)
    def strike(self, pick: int, fault: Fault, turns: int | None) -> None:
        """Let something happen to a worker."""
        fault(picked(self.processes, pick))
        self.forget_ended()
        self.run(turns)

    @precondition(lambda self: self.processes)
    @rule(pick=PICKS)
    def cut_off(self, pick: int) -> None:
        """Cut a worker off from the store for longer than its lease, and let others take over."""
        process = picked(self.processes, pick)
        lose_store(process)
        self.pass_time(2 * LEASE)
        process.store.mend()

    @precondition(lambda self: self.processes)
    @rule(pick=PICKS, rounds=st.integers(1, 4))
    def crash_before_commit(self, pick: int, rounds: int) -> None:
        """Kill a process in which handlers have had their effects, and nothing was written of it."""
        process = picked(self.processes, pick)
        stall_store(process)
        for _ in range(rounds):
            for call in process.calls:
                if not call.ending.done():
                    end(call, None)
            self.run()
        if not process.has_ended:
            process.crash()
        self.forget_ended()

    @precondition(lambda self: self.processes)
    @rule(pick=PICKS, turns=TURNS)
    def mend(self, pick: int, turns: int | None) -> None:
        """Let a worker's faults end."""
        mend(picked(self.processes, pick))
        self.run(turns)

    @precondition(lambda self: len(self.processes) < self.workers)
    @rule()
    def start_missing(self) -> None:
        """Start a worker for each that has ended."""
        while len(self.processes) < self.workers:
            name = next(self.names)
            self.processes.append(ModelProcess(name, self.world, self.open_store(name), self.mode))

    # -- what must hold --

    @invariant()
    def nothing_is_broken(self) -> None:
        """Keep all promises."""
        self.ledger.check_lost({copy.message.body for copy in self.broker.copies()})
        assert self.ledger.broken == []

    def teardown(self) -> None:
        """Let all faults stop, and everything come to an end."""
        try:
            if not self.ledger.broken:
                self.come_to_an_end()
        finally:
            for process in self.processes:
                process.crash()
            for store in self.stores:
                store.close()

    def come_to_an_end(self) -> None:
        """Go on without faults, but for what lies in the messages, until no message is left to work on."""
        for process in self.processes:
            mend(process)
        for _ in range(ROUNDS * (1 + len(self.unfinished))):
            self.nothing_is_broken()
            if not self.unfinished:
                return
            self.go_on()
        raise AssertionError(f"these wait for ever: {self.unfinished}")

    def go_on(self) -> None:
        """Do whatever comes next, everywhere."""
        self.start_missing()
        for process in self.takers:
            while self.broker.ready[QUEUE] and process in self.takers:
                process.take()
        self.run()
        for process, sending in self.sendings:
            process.forwarder.settle(sending, "confirmed")
        for process in self.processes:
            self.meet_fates(process)
        self.forget_ended()
        self.pass_time(ROUND)
        self.read_acks()
        for queue, copy in self.waiting:
            self.broker.move(copy, queue, QUEUE)

    def meet_fates(self, process: ModelProcess) -> None:
        """Let the handlers of one process end as lies in their messages."""
        has_end = self.mode.ladder.dead_letter is not None
        if has_end and any(call.delivery.message_id == DEADLY for call in process.calls):
            process.crash()
            return
        for call in process.calls:
            if not call.ending.done():
                end(call, ValueError if has_end and call.delivery.message_id == BAD else None)


def picked(things: list[T], pick: int) -> T:
    """Return one of several things."""
    return things[pick % len(things)]


def end(call: Call, error: Callable[[], Exception] | None) -> None:
    """Let a handler end."""
    if error is None:
        call.ending.set_result(None)
    else:
        call.ending.set_exception(error())


def in_memory(clock: Clock) -> Callable[[str], DedupStore]:
    """Keep ids in memory, which outlives the processes here, as a server does."""
    store = MemoryStore(lease=LEASE, clock=clock)
    return lambda _: store


def in_files(folder: Path) -> Opener:
    """Keep ids in a file, a new one for each machine; of no owner can others see whether it lives."""
    numbers = count()

    def opener(clock: Clock) -> Callable[[str], DedupStore]:
        path = folder / f"{next(numbers)}.db"
        return lambda owner: SqliteStore(path, lease=LEASE, clock=clock, owner=owner)

    return opener


def test_settlement_keeps_its_promises_with_a_store_in_memory() -> None:
    """Whatever happens in whatever order, nothing is lost, repeated without an excuse, or wait for ever."""
    run_state_machine_as_test(
        lambda: Settlement(in_memory),
        settings=settings(deadline=None, max_examples=EXAMPLES, stateful_step_count=50, derandomize=True),
    )


def test_settlement_keeps_its_promises_with_a_store_in_a_file(tmp_path: Path) -> None:
    """The same with the store that workers use if nothing else is said."""
    run_state_machine_as_test(
        lambda: Settlement(in_files(tmp_path)),
        settings=settings(deadline=None, max_examples=EXAMPLES // 3, stateful_step_count=50, derandomize=True),
    )


@pytest.mark.parametrize(("commit_group", "repeated"), [(0, 1), (2, 3)])
def test_a_crash_repeats_a_commit_group_at_most(commit_group: int, repeated: int) -> None:
    """While no DONE gets written, no more handlers are called than those: what the machine meets too seldom."""
    machine = Settlement(in_memory)
    machine.start(workers=1, ladder=LADDERS[0], concurrency=1, commit_group=commit_group, reject_missing_id=False)
    machine.publish(ids=list(IDS))
    machine.deliver(pick=0, number=len(IDS), turns=None)
    machine.crash_before_commit(pick=0, rounds=len(IDS))

    assert machine.ledger.effects.total() == repeated
    machine.teardown()


def test_a_handler_that_succeeds_in_the_last_turn_is_done() -> None:
    """When the grace is over in the very turn of the loop in which a handler succeeds, nothing is left unfinished."""
    machine = Settlement(in_memory)
    machine.start(workers=1, ladder=LADDERS[0], concurrency=1, commit_group=0, reject_missing_id=False)
    machine.publish(ids=IDS[:1])
    machine.deliver(pick=0, number=1, turns=None)
    [process] = machine.processes

    end(process.calls[0], None)
    process.end_now()
    machine.run()

    machine.nothing_is_broken()
    assert machine.state_of(Key(SCOPE, IDS[0])) == State.DONE
    assert (process.report.handled, process.report.abandoned) == (1, 0)
    machine.teardown()


def test_a_handler_that_fails_in_the_last_turn_gives_its_claim_up() -> None:
    """Whoever comes next need not wait for the lease, and no attempt is lost: it may have failed since it must end."""
    machine = Settlement(in_memory)
    machine.start(workers=1, ladder=LADDERS[0], concurrency=1, commit_group=0, reject_missing_id=False)
    machine.publish(ids=IDS[:1])
    machine.deliver(pick=0, number=1, turns=None)
    [process] = machine.processes

    end(process.calls[0], ValueError)
    process.end_now()
    machine.run()

    machine.nothing_is_broken()
    [entry] = machine.looking.find(IDS[0])
    assert (entry.row.state, entry.row.attempt) == (State.RELEASED, 1)
    machine.teardown()


def test_a_message_that_was_handled_alone_once_has_neighbours_again() -> None:
    """What outlives its lonely attempt is suspected no more: a crash beside others costs it no attempt."""
    machine = Settlement(in_memory)
    machine.start(workers=1, ladder=Ladder(QUEUE), concurrency=2, commit_group=0, reject_missing_id=False)
    machine.publish(ids=IDS[:1])
    machine.deliver(pick=0, number=1, turns=None)
    machine.strike(pick=0, fault=ModelProcess.crash, turns=None)
    machine.start_missing()
    machine.deliver(pick=0, number=1, turns=None)
    machine.pass_time(2 * LEASE)
    machine.end_calls(picks=[0], error=ValueError, turns=None)  # alone, and is tried again in place
    machine.pass_time(1.0)
    machine.publish(ids=IDS[1:2])
    machine.deliver(pick=0, number=1, turns=None)
    assert [call.delivery.attempt for call in machine.calls] == [2, 1]

    machine.strike(pick=0, fault=ModelProcess.crash, turns=None)

    machine.nothing_is_broken()
    assert [entry.row.attempt for entry in machine.looking.find(IDS[0])] == [2]
    machine.teardown()


def test_an_attempt_that_is_counted_and_not_made_is_taken_back() -> None:
    """A worker that ends before a message is handled alone costs it no attempt."""
    machine = Settlement(in_memory)
    machine.start(workers=1, ladder=LADDERS[0], concurrency=1, commit_group=0, reject_missing_id=False)
    machine.publish(ids=IDS[:1])
    machine.deliver(pick=0, number=1, turns=None)
    machine.strike(pick=0, fault=ModelProcess.crash, turns=None)
    machine.pass_time(2 * LEASE)
    machine.start_missing()
    [process] = machine.processes
    stall_store(process)
    machine.deliver(pick=0, number=1, turns=None)
    process.store_calls.make_one()  # the claim: what comes next counts the attempt
    machine.run()

    process.end_now()
    machine.run()
    process.store_calls.let_go()
    machine.run()

    machine.nothing_is_broken()
    [entry] = machine.looking.find(IDS[0])
    assert (entry.row.state, entry.row.attempt) == (State.RELEASED, 1)
    machine.teardown()


def test_what_fails_after_a_long_time_is_given_back() -> None:
    """Held here, it would be in hand for longer than the broker allows."""
    machine = Settlement(in_memory)
    machine.start(workers=1, ladder=Ladder(QUEUE), concurrency=1, commit_group=0, reject_missing_id=False)
    machine.publish(ids=IDS[:1])
    machine.deliver(pick=0, number=1, turns=None)
    machine.strike(pick=0, fault=give_back_old, turns=None)  # its handler is running

    machine.end_calls(picks=[0], error=ValueError, turns=None)
    machine.read_acks()

    assert len(machine.broker.ready[QUEUE]) == 1
    machine.teardown()
