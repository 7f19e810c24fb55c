"""The way of every delivery through a worker: claim, handle, complete, acknowledge.

The pipeline outlives connections. Each delivery remembers the channel that brought it, and only that
channel acknowledges it; when the channel is gone, the broker delivers again, and the store tells whether
the first round got to DONE.

::

    accept ─▶ claiming ─▶ ready ─▶ running ─┬─▶ completing ─▶ ack
                 ▲          │         │     └─▶ passing on ─▶ ack
                 └── held ◀─┴─────────┴────────────┘
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, TypeAlias

from amqptool.dedup.interface import Acquired, Key
from amqptool.errors import AmqptoolError
from amqptool.handlers.interface import Reject, Retry, StopWork
from amqptool.message import normalize_message_id
from amqptool.work.batches import Batches
from amqptool.work.copies import copy_of, original_of
from amqptool.work.settle import (
    Ack,
    Complete,
    Hold,
    PassOn,
    Release,
    Run,
    after_claim,
    after_complete,
    after_copy,
    after_handler,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from amqptool.broker.amqp import Channel
    from amqptool.handlers.interface import Handler
    from amqptool.message import Delivery, Message
    from amqptool.work.forwarder import Forwarder
    from amqptool.work.ladder import Step
    from amqptool.work.report import WorkReport
    from amqptool.work.store import StoreThread

log = logging.getLogger(__name__)

#: Seconds between two looks for what the store may forget.
PRUNE_INTERVAL = 600.0
#: Handlers that may have succeeded without their DONE being on disk; the most that a crash can repeat.
COMMIT_GROUP = 100
#: Seconds the pipeline's tasks get to end; a handler that swallows its cancellation does not hold up the rest.
END_TIMEOUT = 2.0


#: Why a delivery is acknowledged; the report has a count of each.
Acknowledged: TypeAlias = Literal["handled", "duplicates", "retried", "dead"]


@dataclass(slots=True, eq=False)
class Item:
    """One un-acked delivery on its way."""

    delivery: Delivery
    channel: Channel
    #: None: no dedup for this one.
    key: Key | None
    claim: Acquired | None = None
    failures: int = 0
    looks: int = 0
    #: Tried for the last time; stays un-acked until the worker stops.
    given_up: bool = False
    timer: asyncio.TimerHandle | None = None


class Pipeline:
    """Works off the deliveries it accepts; `store` None means no dedup.

    `try_once` keeps failed messages aside instead of trying them again. `on_change` is called whenever a
    delivery has left or was set aside.
    """

    def __init__(
        self,
        handler: Handler,
        store: StoreThread | None,
        report: WorkReport,
        forwarder: Forwarder | None = None,
        *,
        concurrency: int,
        try_once: bool,
        on_change: Callable[[], None],
    ) -> None:
        self._handler = handler
        self._store = store
        self._report = report
        self._forwarder = forwarder
        self._try_once = try_once
        self._on_change = on_change
        #: Set when the pipeline cannot go on, such as when the store stays broken.
        self.failure: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self.last_activity = asyncio.get_running_loop().time()
        self._items: set[Item] = set()
        # From the start of its handler until its outcome is settled.
        self._running: set[Item] = set()
        self._most_running = concurrency + COMMIT_GROUP
        # What was acknowledged in this run, to tell a lost ack from another copy; kept only while counting.
        self._acknowledged: set[Key] = set()
        self._claiming: Batches[Item] = Batches()
        self._ready: asyncio.Queue[Item] = asyncio.Queue()
        self._completing: Batches[Item] = Batches()
        self._releasing: Batches[Acquired] = Batches()
        self._changed = asyncio.Event()
        self._giving_back = False
        self._ending = False
        self._deadline: float | None = None
        self._endless = [self._start(self._handle_forever()) for _ in range(concurrency)]
        self._finishing = [self._start(self._claim_forever()), self._start(self._complete_forever())]
        self._releaser = self._start(self._release_forever())
        if store is not None:
            self._endless += [
                self._start(self._renew_forever(store)),
                self._start(self._prune_forever(store)),
            ]

    # -- what the worker sees --

    @property
    def in_hand(self) -> int:
        """How many deliveries are accepted and not settled."""
        return len(self._items)

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do but what was given up."""
        return all(item.given_up for item in self._items)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being worked on; what is held for later does not count."""
        return all(item.given_up or item.timer is not None for item in self._items)

    def accept(self, delivery: Delivery, channel: Channel, scope: str) -> None:
        """Take a delivery in."""
        item = Item(delivery, channel, self._key(delivery, scope))
        self._items.add(item)
        self._report.received += 1
        self._touch()
        self._enter(item)

    def drop(self, channel: Channel) -> None:
        """Forget the deliveries of a channel that is gone; the broker delivers them again.

        Handlers that are running go on, and their DONE is written.
        """
        for item in [item for item in self._items - self._running if item.channel is channel]:
            self._withdraw(item)
        self._purge()

    def give_back(self) -> None:
        """Return every delivery whose handler is not running to its queue, and release its claim.

        From now on, a delivery whose handler fails goes back too.
        """
        self._giving_back = True
        for item in self._items - self._running:
            self._return(item)
        self._purge()

    async def finish(self, grace: float) -> None:
        """Let running handlers finish, commit and acknowledge, for so many seconds from the first call on."""
        loop = asyncio.get_running_loop()
        self._deadline = self._deadline or loop.time() + grace
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._deadline):
                while self._running and not self.failure.done():
                    await self._next_change()

    async def end(self) -> None:
        """End every task; what is still in hand stays un-acked, for the broker to deliver again."""
        self._report.abandoned = len(self._running)
        if self._running:
            log.warning("messages left unfinished, for the broker to deliver again: %d", len(self._running))
        self._ending = True
        try:
            for task in self._endless:
                task.cancel()
            self._claiming.close()
            self._completing.close()
            await asyncio.wait([*self._endless, *self._finishing], timeout=END_TIMEOUT)
            self._releasing.close()
            await asyncio.wait([self._releaser], timeout=END_TIMEOUT)
        finally:
            for task in (*self._endless, *self._finishing, self._releaser):
                task.cancel()
            await self._handler.close()

    # -- stages --

    def _key(self, delivery: Delivery, scope: str) -> Key | None:
        if self._store is None:
            return None
        message_id = normalize_message_id(delivery.message_id)
        return Key(scope, message_id) if message_id else None

    def _enter(self, item: Item) -> None:
        item.timer = None
        if item.key is None:
            self._ready.put_nowait(item)
        else:
            self._claiming.put(item)

    async def _claim_forever(self) -> None:
        while batch := await self._claiming.take():
            wanted = [item for item in batch if item in self._items]
            claims = await self._required_store().claim([item.key for item in wanted if item.key])
            for item, claim in zip(wanted, claims, strict=True):
                self._after_claim(item, after_claim(claim, item.looks))

    def _after_claim(self, item: Item, decision: Run | Ack | Hold) -> None:
        match decision:
            case Run() if item not in self._items:
                self._releasing.put(decision.claim)
            case Run():
                item.claim = decision.claim
                self._ready.put_nowait(item)
            case Ack():
                self._acknowledge(item, "duplicates" if decision.duplicate else "handled")
            case Hold():
                item.looks += 1
                self._hold(item, decision.seconds)

    async def _handle_forever(self) -> None:
        while not self._ending:
            await self._may_handle()
            item = await self._ready.get()
            if item in self._items:
                await self._handle(item)

    async def _may_handle(self) -> None:
        """Wait while DONE cannot be written: whatever is handled meanwhile, a crash would repeat."""
        if self._store is not None:
            await self._store.healthy.wait()
        while len(self._running) >= self._most_running:
            await self._next_change()

    async def _handle(self, item: Item) -> None:
        self._running.add(item)
        original, attempt = _original_of(item)
        error = await self._call_handler(item, original)
        if error is None:
            self._succeeded(item)
        elif isinstance(error, StopWork):
            self._running.discard(item)
            self._fail(error.__cause__ or error)
        else:
            await self._failed(item, error, attempt)

    def _succeeded(self, item: Item) -> None:
        if isinstance(after_handler(claimed=item.claim is not None, succeeded=True, failures=item.failures), Complete):
            self._completing.put(item)
        else:
            self._acknowledge(item, "handled")

    async def _call_handler(self, item: Item, delivery: Delivery) -> Exception | None:
        try:
            await self._handler.handle(delivery)
        except asyncio.CancelledError as error:
            if self._ending:
                self._release_if_stopped(item)
                raise
            _forget_cancellation()
            return RuntimeError(f"the handler was cancelled from within: {error}")
        except Exception as error:
            return error
        return None

    def _release_if_stopped(self, item: Item) -> None:
        if item.claim is not None and self._handler.stops_when_cancelled:
            self._releasing.put(item.claim)

    async def _failed(self, item: Item, error: Exception, attempt: int) -> None:
        self._report.failed_attempts += 1
        log.warning(
            "message %s: attempt %d failed: %s: %s",
            item.delivery.message_id,
            attempt,
            type(error).__name__,
            error,
            exc_info=error if log.isEnabledFor(logging.DEBUG) else None,
        )
        rejected = isinstance(error, Reject)
        after = error.after if isinstance(error, Retry) else None
        step = self._forwarder.ladder.step(attempt, rejected=rejected, after=after) if self._forwarder else None
        decision = after_handler(
            claimed=item.claim is not None, succeeded=False, failures=item.failures, step=step, after=after
        )
        match decision:
            case PassOn(step):
                copy = copy_of(
                    replace(item.delivery, attempt=attempt), step, error, rejected=rejected, at=datetime.now(UTC)
                )
                await self._pass_on(item, step, copy)
            case Hold():
                await self._keep(item, decision.seconds)

    async def _pass_on(self, item: Item, step: Step, copy: Message) -> None:
        match after_copy(step, confirmed=await self._is_confirmed(item, copy), failures=item.failures):
            case Release(forget):
                await self._release(item, forget=forget)
                self._acknowledge(item, "dead" if forget else "retried")
            case Hold(seconds):
                await self._keep(item, seconds)

    async def _is_confirmed(self, item: Item, copy: Message) -> bool:
        try:
            await self._required_forwarder().send(copy)
        except asyncio.CancelledError:
            if item.claim is not None:
                self._releasing.put(item.claim)
            raise
        except AmqptoolError as error:
            log.warning(
                "message %s: not passed on to %s, so it is kept: %s", item.delivery.message_id, copy.routing_key, error
            )
            return False
        return True

    async def _release(self, item: Item, *, forget: bool) -> None:
        claim, item.claim = item.claim, None
        if claim is None:
            return
        if forget:
            await self._required_store().discard([claim])
        else:
            await self._required_store().release([claim], failed=True)

    async def _keep(self, item: Item, seconds: float) -> None:
        """Hold a message whose attempt failed, for another one here."""
        item.failures += 1
        await self._release(item, forget=False)
        self._hold(item, seconds)

    def _hold(self, item: Item, seconds: float) -> None:
        self._running.discard(item)
        if not item.channel.is_open:
            self._items.discard(item)
        elif self._giving_back:
            self._return(item)
        elif item.failures and self._try_once:
            item.given_up = True
        else:
            item.timer = asyncio.get_running_loop().call_later(seconds, self._enter, item)
        self._note_change()

    async def _complete_forever(self) -> None:
        while batch := await self._completing.take():
            claims = [item.claim for item in batch if item.claim]
            recorded = await self._required_store().complete(claims)
            for item, done in zip(batch, recorded, strict=True):
                self._after_complete(item, after_complete(recorded=done))

    def _after_complete(self, item: Item, decision: Ack | Hold) -> None:
        match decision:
            case Ack():
                self._acknowledge(item, "handled")
            case Hold():
                log.warning("message %s: another worker took it over; looking again", item.delivery.message_id)
                item.claim = None
                self._hold(item, decision.seconds)

    def _acknowledge(self, item: Item, what: Acknowledged) -> None:
        self._running.discard(item)
        if item not in self._items:
            return
        item.channel.ack(item.delivery.delivery_tag)
        self._items.discard(item)
        setattr(self._report, what, getattr(self._report, what) + 1)
        if what == "duplicates":
            log.info("message %s: duplicate, acknowledged without handling it", item.delivery.message_id)
        if what == "handled":
            self._report.without_id += item.key is None and self._store is not None
        self._count(item)
        self._touch()
        self._note_change()

    def _count(self, item: Item) -> None:
        """Count an acknowledgement that can reach the broker, and each message only once."""
        ack_was_lost = item.delivery.redelivered and item.key in self._acknowledged
        if not item.channel.is_open or ack_was_lost:
            return
        self._report.acknowledged += 1
        if self._try_once and item.key is not None:
            self._acknowledged.add(item.key)

    # -- housekeeping --

    def _return(self, item: Item) -> None:
        item.channel.requeue(item.delivery.delivery_tag)
        self._report.returned += 1
        self._report.failed += item.failures > 0
        self._withdraw(item)

    def _withdraw(self, item: Item) -> None:
        self._items.discard(item)
        if item.timer is not None:
            item.timer.cancel()
        if item.claim is not None:
            self._releasing.put(item.claim)
        self._note_change()

    def _purge(self) -> None:
        """Let go of the bodies of what was withdrawn, also behind a handler or a store that is slow."""
        self._claiming.keep(self._items.__contains__)
        for item in [self._ready.get_nowait() for _ in range(self._ready.qsize())]:
            if item in self._items:
                self._ready.put_nowait(item)

    async def _release_forever(self) -> None:
        while claims := await self._releasing.take():
            await self._required_store().release(claims, failed=False)

    async def _renew_forever(self, store: StoreThread) -> None:
        while True:
            await asyncio.sleep(store.lease / 3)
            await store.renew([item.claim for item in self._items if item.claim is not None])

    async def _prune_forever(self, store: StoreThread) -> None:
        while True:
            await store.prune()
            await asyncio.sleep(PRUNE_INTERVAL)

    def _start(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            if not self._ending:
                self._fail(RuntimeError("a task of the worker was cancelled from outside"))
        elif (error := task.exception()) is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if not self.failure.done():
            self.failure.set_result(error)
            self._note_change()

    async def _next_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _note_change(self) -> None:
        self._changed.set()
        self._on_change()

    def _required_store(self) -> StoreThread:
        if self._store is None:
            raise RuntimeError("a delivery without a store was claimed")
        return self._store

    def _required_forwarder(self) -> Forwarder:
        if self._forwarder is None:
            raise RuntimeError("a message is to be passed on without a ladder")
        return self._forwarder

    def _touch(self) -> None:
        self.last_activity = asyncio.get_running_loop().time()


def _original_of(item: Item) -> tuple[Delivery, int]:
    """Return the delivery as its publisher sent it, and which attempt at it this is."""
    message, told = original_of(item.delivery.message, item.delivery.queue)
    attempt = max(told, item.claim.attempt) if item.claim else told + item.failures
    if message is item.delivery.message and attempt == 1:
        return item.delivery, attempt
    return replace(item.delivery, message=message, attempt=attempt), attempt


def _forget_cancellation() -> None:
    task = asyncio.current_task()
    while task is not None and task.cancelling():
        task.uncancel()
