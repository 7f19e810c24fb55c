"""The way of every delivery through a worker: claim, handle, complete, acknowledge.

The pipeline outlives connections. Each delivery remembers the channel that brought it, and only that
channel acknowledges it; when the channel is gone, the broker delivers again, and the store tells whether
the first round got to DONE.

::

    accept ─▶ claiming ─▶ ready ─▶ running ─┬─▶ completing ─▶ ack
                 ▲          │         │     └─▶ passing on ─▶ ack
                 └── held ◀─┴─────────┴────────────┘

Everything but the failed ones goes in batches: one transaction claims all that came in meanwhile, one writes DONE for
all that ended meanwhile, and one ack speaks for as many as it can.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, TypeAlias

from amqptool.dedup.interface import Acquired, Key
from amqptool.errors import AmqptoolError
from amqptool.handlers.interface import Interrupted, MissingId, Reject, Retry, StopWork
from amqptool.message import normalize_message_id
from amqptool.work.batches import Batches
from amqptool.work.copies import copy_of, original_of, text_of
from amqptool.work.crews import crew_of
from amqptool.work.hand import Hand
from amqptool.work.item import Item
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
    from collections.abc import Callable, Collection, Coroutine, Sequence

    from amqptool.broker.amqp import Channel
    from amqptool.dedup.interface import Claim
    from amqptool.handlers.interface import Handler
    from amqptool.handlers.python import BlockingHandler
    from amqptool.message import Delivery, Message
    from amqptool.work.forwarder import Forwarder
    from amqptool.work.ladder import Step
    from amqptool.work.report import WorkReport
    from amqptool.work.store import StoreThread

log = logging.getLogger(__name__)

#: Seconds between two looks for what the store may forget.
PRUNE_INTERVAL = 600.0
#: Handlers that may have succeeded without their DONE being on disk; the most that a crash can repeat.
COMMIT_GROUP = 500
#: Seconds the pipeline's tasks get to end; a handler that swallows its cancellation does not hold up the rest.
END_TIMEOUT = 2.0


#: Why a delivery is acknowledged; the report has a count of each.
Acknowledged: TypeAlias = Literal["handled", "duplicates", "retried", "dead"]


class Pipeline:
    """Works off the deliveries it accepts; `store` None means no dedup.

    `try_once` keeps failed messages aside instead of trying them again. `ack_first` acknowledges each before its
    handler starts, `reject_missing_id` rejects what the store cannot know. `on_change` is called whenever a delivery
    has left or was set aside.
    """

    def __init__(
        self,
        handler: Handler | BlockingHandler,
        store: StoreThread | None,
        report: WorkReport,
        forwarder: Forwarder | None = None,
        *,
        concurrency: int,
        commit_group: int = COMMIT_GROUP,
        try_once: bool,
        ack_first: bool = False,
        reject_missing_id: bool = False,
        on_change: Callable[[], None],
    ) -> None:
        self._handler = handler
        self._store = store
        self._report = report
        self._forwarder = forwarder
        self._try_once = try_once
        self._ack_first = ack_first
        self._reject_missing_id = reject_missing_id
        self._on_change = on_change
        #: Set when the pipeline cannot go on, such as when the store stays broken.
        self.failure: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self.last_activity = self._loop.time()
        #: What was accepted and is not settled.
        self.hand = Hand(concurrency + commit_group)
        # What was acknowledged in this run, to tell a lost ack from another copy; kept only while counting.
        self._acknowledged: set[Key] = set()
        self._claiming: Batches[Item] = Batches()
        self._completing: Batches[Item] = Batches()
        # With whether the message, once passed on, is to be forgotten.
        self._passed_on: Batches[tuple[Item, bool]] = Batches()
        # With whether the attempt failed.
        self._releasing: Batches[tuple[Acquired, bool]] = Batches()
        self._changed = asyncio.Event()
        self._giving_back = False
        self._ending = False
        self._deadline: float | None = None
        self._crew = crew_of(handler, concurrency, self._after_handling)
        self._spawned: set[asyncio.Task[None]] = set()
        self._endless: list[asyncio.Task[None]] = []
        self._finishing = [
            self._start(work) for work in (self._claim_forever(), self._complete_forever(), self._pass_on_forever())
        ]
        self._releaser = self._start(self._release_forever())
        if store is not None:
            store.on_recovery = self._dispatch
            self._endless += [
                self._start(self._renew_forever(store)),
                self._start(self._prune_forever(store)),
            ]

    # -- what the worker sees --

    def accept(self, delivery: Delivery, channel: Channel, scope: str) -> None:
        """Take a delivery in."""
        item = Item(delivery, delivery, channel, self._key(delivery, scope), self._touch())
        self.hand.add(item)
        self._report.received += 1
        self._enter(item)

    def look_for_old(self, age: float) -> None:
        """Give back what has waited here for so many seconds, and warn of handlers that run for so long.

        The broker takes a channel away from whoever keeps a delivery for too long (consumer timeout).
        """
        latest = self._loop.time() - age
        old = [item for item in self.hand.items if item.since <= latest and not item.is_old]
        if not old:
            return
        self._take_back()
        for item in old:
            item.is_old = True
            if item in self.hand.running or item.given_up:
                log.warning("message %s: worked on for over %.0f s", item.delivery.message_id, age, extra=item.about)
            else:
                log.info(
                    "message %s: given back, having waited for %.0f s", item.delivery.message_id, age, extra=item.about
                )
                self._requeue([item])
        self._purge()
        self._dispatch()

    def drop(self, channel: Channel) -> None:
        """Forget the deliveries of a channel that is gone; the broker delivers them again.

        Handlers that are running go on, and their DONE is written.
        """
        self._take_back()
        for item in [item for item in self.hand.waiting() if item.channel is channel]:
            self._withdraw(item)
        self._purge()
        self._dispatch()

    def give_back(self) -> None:
        """Return every delivery whose handler is not running to its queue, and release its claim.

        From now on, a delivery whose handler fails goes back too.
        """
        self._giving_back = True
        self._take_back()
        self._return(self.hand.waiting())
        self._purge()

    async def finish(self, grace: float) -> None:
        """Let running handlers finish, commit and acknowledge, for so many seconds from the first call on."""
        loop = asyncio.get_running_loop()
        self._deadline = self._deadline or loop.time() + grace
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._deadline):
                while self.hand.running and not self.failure.done():
                    await self._next_change()

    async def end(self) -> None:
        """End every task; what is still in hand stays un-acked, for the broker to deliver again."""
        self._take_back()
        self._report.abandoned = len(self.hand.running)
        if self.hand.running:
            log.warning("messages left unfinished, for the broker to deliver again: %d", len(self.hand.running))
        self._ending = True
        try:
            for task in (*self._endless, *self._spawned):
                task.cancel()
            for item in await self._crew.end(END_TIMEOUT):
                self._let_go(item, failed=False)
            for batches in (self._claiming, self._completing, self._passed_on):
                batches.close()
            await asyncio.wait([*self._endless, *self._spawned, *self._finishing], timeout=END_TIMEOUT)
            self._releasing.close()
            await asyncio.wait([self._releaser], timeout=END_TIMEOUT)
        finally:
            for task in (*self._endless, *self._spawned, *self._finishing, self._releaser):
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
        if item.copy is not None:
            self.hand.running.add(item)
            self._spawn(self._send(item, *item.copy))
        elif item.key is None and self._reject_missing_id and self._store is not None:
            self.hand.running.add(item)
            self._failed(item, MissingId("the message id is no UUID"))
        elif item.key is None:
            self._make_ready(item)
            self._dispatch()
        else:
            self._claiming.put(item)

    async def _claim_forever(self) -> None:
        while batch := await self._claiming.take():
            wanted = [item for item in batch if item in self.hand.items]
            claims = await self._required_store().claim([item.key for item in wanted if item.key])
            duplicates: list[Item] = []
            for item, claim in zip(wanted, claims, strict=True):
                match after_claim(claim, item.looks):
                    case Run():
                        self._run_under(claim, item)
                    case Ack():
                        duplicates.append(item)
                    case Hold(seconds):
                        item.looks += 1
                        self._hold(item, seconds)
            self._acknowledge(duplicates, "duplicates")
            self._dispatch()

    def _run_under(self, claim: Claim, item: Item) -> None:
        if not isinstance(claim, Acquired):
            raise RuntimeError("a delivery is to be run without its claim")
        if item in self.hand.items:
            item.claim = claim
            self._make_ready(item)
        else:
            self._releasing.put((claim, False))

    def _make_ready(self, item: Item) -> None:
        item.original = _original_of(item, is_copied=self._forwarder is not None)
        self.hand.line_up(item)

    def _dispatch(self) -> None:
        """Give the crew what is ready, as long as DONE can be written and not too many wait for it.

        Whatever is handled without its DONE, a crash would repeat.
        """
        if self._ending or not (self._store is None or self._store.is_healthy):
            return
        given = self.hand.give_out()
        if self._ack_first:
            given = self._acknowledge_first(given)
        self._crew.add([item for item in given if not item.is_alone])
        for item in given:
            if item.is_alone:
                self._spawn(self._handle_alone(item))

    async def _handle_alone(self, item: Item) -> None:
        attempt = item.original.attempt
        if self._forwarder is not None and self._forwarder.ladder.is_used_up(attempt):
            self._failed(item, Interrupted(f"the process died in each of {attempt - 1} attempts"))
            return
        await self._required_store().renew([claim for claim in [item.held_claim] if claim is not None])
        self._crew.add([item])

    def _acknowledge_first(self, items: Sequence[Item]) -> list[Item]:
        """Let go of messages before they are handled: nothing is done twice, and what fails or crashes is lost.

        Returns those of which the broker can be told; others it delivers again.
        """
        for item in items:
            self.hand.leave(item)
        told = [item for item in items if item.channel.is_open]
        self.hand.running.difference_update(set(items) - set(told))
        for channel in {item.channel for item in told}:
            channel.ack(*(item.delivery.delivery_tag for item in told if item.channel is channel))
            channel.flush()
        for item in told:
            self._count(item)
        return told

    def _take_back(self) -> None:
        """Take back what the crew has not begun; what is acknowledged already stays with it."""
        if self._ack_first:
            return
        self.hand.put_back(self._crew.take_back())

    def _after_handling(self, endings: list[tuple[Item, Exception | None]]) -> None:
        if self._ending:  # what has not succeeded was given up
            endings = [(item, error) for item, error in endings if error is None]
        if self._ack_first:
            self._note_ends(endings)
            return
        done: list[Item] = []
        for item, error in endings:
            if error is None:
                decision = after_handler(claimed=item.claim is not None, succeeded=True, failures=item.failures)
                if isinstance(decision, Complete):
                    self._completing.put(item)
                else:
                    done.append(item)
            elif isinstance(error, StopWork):
                self.hand.running.discard(item)
                self._fail(error.__cause__ or error)
            else:
                self._failed(item, error)
        if done:
            self._acknowledge(done, "handled")
        self._dispatch()

    def _note_ends(self, endings: list[tuple[Item, Exception | None]]) -> None:
        """Note how it ended with messages that were acknowledged before."""
        for item, error in endings:
            self.hand.running.discard(item)
            if error is None:
                self._report.handled += 1
            elif isinstance(error, StopWork):
                self._fail(error.__cause__ or error)
            else:
                self._report.failed += 1
                self._tell_failure(item, error)
        self._touch()
        self._dispatch()
        self._note_change()

    def _failed(self, item: Item, error: Exception) -> None:
        rejected = isinstance(error, Reject)
        after = error.after if isinstance(error, Retry) else None
        attempt = item.original.attempt
        step = self._forwarder.ladder.step(attempt, rejected=rejected, after=after) if self._forwarder else None
        self._tell_failure(item, error, ", and there is no dead-letter queue for it" if rejected and not step else "")
        decision = after_handler(
            claimed=item.claim is not None, succeeded=False, failures=item.failures, step=step, after=after
        )
        if isinstance(decision, PassOn) and item.channel.is_open:
            told = replace(item.delivery, attempt=attempt)
            copy = copy_of(told, decision.step, error, rejected=rejected, at=datetime.now(UTC))
            item.copy = decision.step, copy
            self._spawn(self._send(item, *item.copy))
        else:  # a message that comes again on another channel needs no copy
            item.failures += 1
            self._let_go(item, failed=True)
            self._hold(item, decision.seconds if isinstance(decision, Hold) else 0.0)

    def _tell_failure(self, item: Item, error: Exception, remark: str = "") -> None:
        self._report.failed_attempts += 1
        log.warning(
            "message %s: attempt %d failed%s: %s",
            item.delivery.message_id,
            item.original.attempt,
            remark,
            text_of(error),
            extra=item.about | {"error": text_of(error)},
            exc_info=error if log.isEnabledFor(logging.DEBUG) else None,
        )

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        """Start what one message takes beside its handler."""
        task = self._start(work)
        self._spawned.add(task)
        task.add_done_callback(self._spawned.discard)

    async def _send(self, item: Item, step: Step, copy: Message) -> None:
        """Pass a message on, in no handler's way."""
        match after_copy(step, confirmed=await self._is_confirmed(item, copy), sendings=item.sendings):
            case Release(forget):
                self._passed_on.put((item, forget))
            case Hold(seconds):
                item.sendings += 1
                self._hold(item, seconds)
                self._dispatch()

    async def _is_confirmed(self, item: Item, copy: Message) -> bool:
        if not item.channel.is_open:
            return False
        try:
            await self._required_forwarder().send(copy)
        except asyncio.CancelledError:
            self._let_go(item, failed=True)
            raise
        except Exception as error:  # whatever it is, the original is kept, and no message ends the worker
            log.warning(
                "message %s: not passed on to %s, so it is kept: %s",
                item.delivery.message_id,
                copy.routing_key,
                error if isinstance(error, AmqptoolError) else text_of(error),
                extra=item.about | {"error": text_of(error)},
            )
            return False
        return True

    async def _pass_on_forever(self) -> None:
        """Let go of claims whose messages were passed on, and then of the messages."""
        while batch := await self._passed_on.take():
            dead = [item for item, forget in batch if forget]
            retried = [item for item, forget in batch if not forget]
            if self._store is not None:
                await self._store.discard([item.claim for item in dead if item.claim])
                await self._store.release([item.claim for item in retried if item.claim], failed=True)
            self._acknowledge(dead, "dead")
            self._acknowledge(retried, "retried")
            self._dispatch()

    def _let_go(self, item: Item, *, failed: bool) -> None:
        """Release an item's claim, if it has one."""
        if item.claim is not None:
            self._releasing.put((item.claim, failed))
            item.claim = None

    def _hold(self, item: Item, seconds: float) -> None:
        self.hand.running.discard(item)
        if not item.channel.is_open:
            self._withdraw(item)
        elif self._giving_back:
            self._return([item])
        elif item.has_failed and self._try_once:
            item.given_up = True
        else:
            item.timer = self._loop.call_later(seconds, self._enter, item)
        self._note_change()

    async def _complete_forever(self) -> None:
        while batch := await self._completing.take():
            claims = [item.claim for item in batch if item.claim]
            recorded = await self._required_store().complete(claims)
            done: list[Item] = []
            for item, is_recorded in zip(batch, recorded, strict=True):
                match after_complete(recorded=is_recorded):
                    case Ack():
                        done.append(item)
                    case Hold(seconds):
                        log.warning(
                            "message %s: another worker took it over; looking again",
                            item.delivery.message_id,
                            extra=item.about,
                        )
                        item.claim = None
                        self._hold(item, seconds)
            self._acknowledge(done, "handled")
            self._dispatch()

    def _acknowledge(self, items: Sequence[Item], what: Acknowledged) -> None:
        """Acknowledge deliveries, with as few acks as can be, and count them."""
        self.hand.running.difference_update(items)
        here = [item for item in items if item in self.hand.items]
        if not here:
            return
        for channel in {item.channel for item in here}:
            channel.ack(*(item.delivery.delivery_tag for item in here if item.channel is channel))
        setattr(self._report, what, getattr(self._report, what) + len(here))
        for item in here:
            self.hand.leave(item)
            if what == "duplicates":
                log.info(
                    "message %s: duplicate, acknowledged without handling it",
                    item.delivery.message_id,
                    extra=item.about,
                )
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

    def _return(self, items: Collection[Item]) -> None:
        self._report.failed += sum(item.has_failed for item in items)
        self._requeue(items)

    def _requeue(self, items: Collection[Item]) -> None:
        for channel in {item.channel for item in items}:
            channel.requeue(*(item.delivery.delivery_tag for item in items if item.channel is channel))
        self._report.returned += len(items)
        for item in items:
            self._withdraw(item)

    def _withdraw(self, item: Item) -> None:
        if item not in self.hand.items:
            return
        self.hand.leave(item)
        if item.timer is not None:
            item.timer.cancel()
        self._let_go(item, failed=item.copy is not None)
        self._note_change()

    def _purge(self) -> None:
        """Let go of the bodies of what was withdrawn, also behind a handler or a store that is slow."""
        self._claiming.keep(self.hand.items.__contains__)
        self.hand.purge()

    async def _release_forever(self) -> None:
        while batch := await self._releasing.take():
            for failed in (True, False):
                claims = [claim for claim, has_failed in batch if has_failed is failed]
                if claims:
                    await self._required_store().release(claims, failed=failed)

    async def _renew_forever(self, store: StoreThread) -> None:
        while True:
            await asyncio.sleep(store.lease / 3)
            held = [item.held_claim for item in self.hand.items]
            await store.renew([claim for claim in held if claim is not None])

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

    def _touch(self) -> float:
        """Note that something is going on; return when."""
        self.last_activity = self._loop.time()
        return self.last_activity


def _original_of(item: Item, *, is_copied: bool) -> Delivery:
    """Return the delivery as its publisher sent it, with the attempt at it that this is.

    If a copy may be made of it, the handler gets headers of its own, with which it may do what it likes.
    """
    message, told = original_of(item.delivery.message, item.delivery.queue)
    if is_copied and message.headers:
        message = replace(message, headers=deepcopy(message.headers))
    attempt = max(told, item.claim.attempt) if item.claim else told + item.failures
    if message is item.delivery.message and attempt == 1:
        return item.delivery
    return replace(item.delivery, message=message, attempt=attempt)
