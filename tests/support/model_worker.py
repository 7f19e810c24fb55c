"""A worker's process without a broker: the real pipeline on a loop of its own, and a test that plays all the rest.

For the state machine of tests/work/test_machine.py, see tests/support/model_broker.py.
"""

from __future__ import annotations

import asyncio
from asyncio import Future, Task
from dataclasses import dataclass

from amqptool.dedup.interface import DedupStore
from amqptool.errors import InDoubt, Nacked
from amqptool.handlers.python import AsyncHandler
from amqptool.message import Delivery, Message
from amqptool.work.ladder import Ladder
from amqptool.work.pipeline import Pipeline
from amqptool.work.report import WorkReport
from amqptool.work.store import StoreThread
from tests.support.ledger import Ledger
from tests.support.model_broker import ModelBroker, ModelChannel
from tests.support.model_store import HeldCalls, TroubledStore
from tests.support.virtual_time import Clock, VirtualLoop

#: Seconds for which a stopping worker waits for its handlers.
GRACE = 5.0


@dataclass(eq=False)
class Call:
    """A handler at work, until it is told how to end."""

    delivery: Delivery
    ending: Future[None]


@dataclass(eq=False)
class Sending:
    """A copy on its way to the broker."""

    copy: Message
    outcome: Future[None]


@dataclass(frozen=True, kw_only=True)
class Mode:
    """How workers work."""

    ladder: Ladder
    concurrency: int
    commit_group: int
    reject_missing_id: bool


@dataclass(eq=False)
class World:
    """What all processes share."""

    queue: str
    scope: str
    clock: Clock
    broker: ModelBroker
    ledger: Ledger


class ModelForwarder:
    """Stands where the publisher of copies is."""

    def __init__(self, ladder: Ladder, world: World) -> None:
        self.ladder = ladder
        self.sendings: list[Sending] = []
        self._world = world

    async def send(self, message: Message) -> None:
        """Wait until the test confirms a copy, or refuses it."""
        sending = Sending(message, asyncio.get_running_loop().create_future())
        self.sendings.append(sending)
        try:
            await sending.outcome
        finally:
            self.sendings.remove(sending)

    def settle(self, sending: Sending, how: str) -> None:
        """Let a copy be confirmed, or refused, or let its confirm be lost on the way."""
        if how != "refused":
            self._world.broker.publish(sending.copy)
        if how == "confirmed":
            self._world.ledger.confirm(sending.copy)
            sending.outcome.set_result(None)
        else:
            sending.outcome.set_exception((Nacked if how == "refused" else InDoubt)(how, sending.copy))


class ModelProcess:
    """One worker, from its start to its end."""

    def __init__(self, name: str, world: World, store: DedupStore, mode: Mode) -> None:
        self.name = name
        self.calls: list[Call] = []
        self.store = TroubledStore(store, name, world.ledger, world.clock)
        self.store_calls = HeldCalls()
        self.forwarder = ModelForwarder(mode.ladder, world)
        self.loop = VirtualLoop(world.clock)
        self.report = WorkReport()
        self._world = world
        self._mode = mode
        self._acted: list[Message] = []
        self._errors: list[str] = []
        self._ending: Task[None] | None = None
        # What nobody has caught; a pipeline has no such errors.
        self.loop.set_exception_handler(lambda _, context: self._errors.append(str(context)))
        self.pipeline = self.loop.run_until_complete(self._pipeline())
        self.channel = self._open_channel()

    @property
    def can_take(self) -> bool:
        """Whether it has a consumer."""
        return self.channel.is_open and not self.is_stopping

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to stop, or has found a reason."""
        return self._ending is not None

    @property
    def has_ended(self) -> bool:
        """Whether nothing of it is left."""
        return self.loop.is_closed()

    def take(self) -> None:
        """Take a delivery in."""
        self.loop.call_soon(self.pipeline.accept, self.channel.deliver(), self.channel, self._world.scope)

    def run(self, turns: int | None = None) -> None:
        """Let the loop make so many turns, or as many as it has to at this time."""
        if turns is None:
            self.loop.until_idle()
        for _ in range(turns or 0):
            self.loop.turn()
        if self._errors:
            self._world.ledger.broken.append(f"{self.name}: {self._errors}")
        if self._ending is not None and self._ending.done():
            self._exit(self._ending)
        elif self._ending is None and self.pipeline.failure.done():
            self.stop(gives_back=False)

    def lose_channel(self) -> None:
        """Lose the connection to the broker, which nobody has noticed yet."""
        if self.channel.is_open:
            self.channel.close()

    def reconnect(self) -> None:
        """Notice that the channel is gone, and open another one."""
        self.loop.call_soon(self.pipeline.drop, self.channel)
        self.channel = self._open_channel()

    def give_back_old(self, age: float) -> None:
        """Give back what has waited for so long."""
        self.loop.call_soon(self.pipeline.look_for_old, age)

    def stop(self, *, gives_back: bool = True) -> None:
        """End in order, as a worker does that was told to, or whose pipeline cannot go on."""
        if self._ending is not None:
            return
        self._ending = self.loop.create_task(self._stop(gives_back))

    def end_now(self) -> None:
        """End in order at the end of the grace, with handlers still running."""
        self._ending = self.loop.create_task(self.pipeline.end())

    def crash(self, *, last_call: bool = False) -> None:
        """Be gone from one moment to the next; a call of the store that was under way may still be made."""
        if last_call:
            self.store_calls.make_one()
        self._die(may_repeat=self._mode.concurrency + self._mode.commit_group)

    async def _pipeline(self) -> Pipeline:
        return Pipeline(
            AsyncHandler(self._handle),
            StoreThread(self.store, self.store_calls),
            self.report,
            self.forwarder if self._mode.ladder.queues() else None,
            concurrency=self._mode.concurrency,
            commit_group=self._mode.commit_group,
            try_once=False,
            reject_missing_id=self._mode.reject_missing_id,
            on_change=lambda: None,
        )

    def _open_channel(self) -> ModelChannel:
        return ModelChannel(self._world.broker, self._world.queue, self._world.ledger.acknowledge)

    async def _handle(self, delivery: Delivery) -> None:
        self._world.ledger.start(delivery.message, delivery.attempt)
        call = Call(delivery, self.loop.create_future())
        self.calls.append(call)
        try:
            await call.ending
        except Exception:
            self._world.ledger.fail(delivery.message, self.name)
            raise
        else:
            self._world.ledger.act(delivery.message)
            self._acted.append(delivery.message)
        finally:
            self.calls.remove(call)

    async def _stop(self, gives_back: bool) -> None:
        """Do what `Worker` does around its pipeline."""
        if gives_back:
            self.pipeline.give_back()
            await self.pipeline.finish(GRACE)
        self.pipeline.drop(self.channel)
        self.channel.read()
        self.lose_channel()
        await self.pipeline.finish(GRACE)
        await self.pipeline.end()

    def _exit(self, ending: Task[None]) -> None:
        ending.result()
        # For want of a store, one that takes longer than a pipeline waits for at its end included.
        is_excused = self.store_calls.is_held or self.store.is_troubled or self.pipeline.failure.done()
        self.store_calls.let_go()  # its thread is waited for
        self._die(may_repeat=self._mode.concurrency + self._mode.commit_group if is_excused else 0)

    def _die(self, *, may_repeat: int) -> None:
        """Let nothing that is still done here reach anybody."""
        self.store_calls.drop()
        self.lose_channel()
        self._world.ledger.die(self.name, self._acted, running=len(self.calls), most=may_repeat)
        while tasks := asyncio.all_tasks(self.loop):
            for task in tasks:
                task.cancel()
            self.loop.until_idle()
        self.loop.close()
