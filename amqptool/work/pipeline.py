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
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from amqptool.dedup.interface import Acquired
from amqptool.handlers.interface import Interrupted, MissingId, Reject, Retry, StopWork
from amqptool.work.acknowledging import Acknowledging
from amqptool.work.claims import Claims
from amqptool.work.copies import copied, original_of, text_of
from amqptool.work.crews import crew_of
from amqptool.work.hand import Hand
from amqptool.work.item import Item
from amqptool.work.passing import PassingOn
from amqptool.work.settle import (
    Ack,
    Complete,
    Hold,
    PassOn,
    Run,
    after_claim,
    after_complete,
    after_handler,
    after_no_commit,
)
from amqptool.work.tasks import END_TIMEOUT, Tasks
from amqptool.work.transactions import InTransaction, NotCommitted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from amqptool.broker.amqp import Channel
    from amqptool.dedup.interface import Claim
    from amqptool.handlers.interface import Handler
    from amqptool.handlers.python import BlockingHandler
    from amqptool.message import Delivery
    from amqptool.work.forwarder import Forwarder
    from amqptool.work.report import WorkReport
    from amqptool.work.store import StoreThread

log = logging.getLogger(__name__)

#: Handlers that may have succeeded without their DONE being on disk; the most that a crash can repeat.
COMMIT_GROUP = 500


class Pipeline:
    """Works off the deliveries it accepts; `store` None means no dedup.

    `try_once` keeps failed messages aside instead of trying them again. `ack_first` acknowledges each before its
    handler starts, `reject_missing_id` rejects what the store cannot know. `on_change` is called whenever a delivery
    has left or was set aside.
    """

    def __init__(
        self,
        handler: Handler | BlockingHandler | InTransaction,
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
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._handler = handler
        self._report = report
        self._try_once = try_once
        self._ack_first = ack_first
        self._reject_missing_id = reject_missing_id and store is not None
        self._on_change = on_change
        #: Set when the worker must stop, since its handler can do no work or the pipeline is broken.
        self.failure: asyncio.Future[BaseException] = loop.create_future()
        #: Whether nothing can be brought to its end any more, such as when the store stays broken.
        self.is_broken = False
        self.last_activity = loop.time()
        #: What was accepted and is not settled.
        self.hand = Hand(concurrency + commit_group)
        self._changed = asyncio.Event()
        self._giving_back = False
        self._ending = False
        self._has_left_handlers = False
        self._deadline: float | None = None
        self._crew = crew_of(handler, concurrency, self._guarded(self._after_handling))
        self._acks = Acknowledging(
            self.hand, report, dedup=store is not None, counts_once=try_once, on_change=self._note_progress
        )
        self._claims = Claims(
            store,
            self.hand.items,
            on_claimed=self._after_claiming,
            on_completed=self._after_completing,
            on_failure=self._fail,
        )
        self._passing = None if forwarder is None else self._passing_on(forwarder)
        self._alone = Tasks(self._fail)
        if store is not None:
            store.on_recovery = self._guarded(self._dispatch)

    def _passing_on(self, forwarder: Forwarder) -> PassingOn:
        return PassingOn(
            forwarder,
            self._claims,
            on_passed_on=self._after_passing_on,
            on_kept=self._hold_copy,
            on_failure=self._fail,
        )

    # -- what the worker sees --

    def accept(self, delivery: Delivery, channel: Channel, scope: str) -> None:
        """Take a delivery in."""
        self.last_activity = self._loop.time()
        item = Item(delivery, delivery, channel, self._claims.key(delivery, scope), self.last_activity)
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
                while self.hand.running and not self.is_broken:
                    await self._next_change()

    async def end(self) -> None:
        """End every task; what is still in hand stays un-acked, for the broker to deliver again."""
        self._take_back()
        self._report.abandoned = len(self.hand.running)
        if self.hand.running:
            log.warning("messages left unfinished, for the broker to deliver again: %d", len(self.hand.running))
        self._ending = True
        async with AsyncExitStack() as at_last:
            at_last.push_async_callback(self._handler.close)
            at_last.push_async_callback(self._claims.end)
            self._alone.cancel()
            for item in await self._crew.end(END_TIMEOUT):
                self._claims.let_go(item, failed=False)
            self._has_left_handlers = True
            passing = [self._passing.stop()] if self._passing else []
            await asyncio.gather(self._alone.end(), self._claims.stop(), *passing)

    # -- stages --

    def _enter(self, item: Item) -> None:
        item.timer = None
        if item.copy is not None:
            self.hand.running.add(item)
            self._required_passing.send(item)
        elif item.key is None and self._reject_missing_id:
            self.hand.running.add(item)
            self._failed(item, MissingId("the message id is no UUID"))
        elif item.key is None:
            self._make_ready(item)
            self._dispatch()
        else:
            self._claims.claim(item)

    def _after_claiming(self, claimed: list[tuple[Item, Claim]]) -> None:
        duplicates: list[Item] = []
        for item, claim in claimed:
            match after_claim(claim, item.looks):
                case Run():
                    self._run_under(claim, item)
                case Ack():
                    duplicates.append(item)
                case Hold(seconds):
                    item.looks += 1
                    self._hold(item, seconds)
        self._acks.acknowledge(duplicates, "duplicates")
        self._dispatch()

    def _run_under(self, claim: Claim, item: Item) -> None:
        if not isinstance(claim, Acquired):
            raise RuntimeError("a delivery is to be run without its claim")
        if item in self.hand.items:
            item.claim = claim
            self._make_ready(item)
        else:
            self._claims.give_up(claim, failed=False)

    def _make_ready(self, item: Item) -> None:
        item.original = _original_of(item, is_copied=self._passing is not None)
        self.hand.line_up(item)

    def _dispatch(self) -> None:
        """Give the crew what is ready, as long as DONE can be written and not too many wait for it.

        Whatever is handled without its DONE, a crash would repeat.
        """
        if self._ending or self.failure.done() or not self._claims.store_works:
            return
        given = self.hand.give_out()
        if self._ack_first:
            given = self._acks.acknowledge_first(given)
        self._crew.add([item for item in given if not item.is_alone])
        for item in given:
            if item.is_alone:
                self._alone.start(self._handle_alone(item))

    async def _handle_alone(self, item: Item) -> None:
        attempt = item.original.attempt
        if self._passing is not None and self._passing.ladder.is_used_up(attempt):
            self._failed(item, Interrupted(f"the process died in each of {attempt - 1} attempts"))
            return
        await self._claims.count_attempt(item)
        self._crew.add([item])

    def _take_back(self) -> None:
        """Take back what the crew has not begun; what is acknowledged already stays with it."""
        if self._ack_first:
            return
        self.hand.put_back(self._crew.take_back())

    def _after_handling(self, endings: list[tuple[Item, Exception | None]]) -> None:
        if self._has_left_handlers:
            return
        if self._ending:  # what has not succeeded was given up
            endings = [(item, error) for item, error in endings if error is None]
        if self._ack_first:
            self._note_ends(endings)
            return
        done: list[Item] = []
        for item, error in endings:
            if error is None:
                decision = after_handler(
                    claimed=item.claim is not None,
                    succeeded=True,
                    failures=item.failures,
                    committed=isinstance(self._handler, InTransaction),
                )
                if isinstance(decision, Complete):
                    self._claims.complete(item)
                else:
                    done.append(item)
            elif isinstance(error, StopWork):
                self.hand.running.discard(item)
                self._stop_for(error)
            elif isinstance(error, NotCommitted):
                self._claim_again(item, error)
            else:
                self._failed(item, error)
        if done:
            self._acks.acknowledge(done, "handled")
        self._dispatch()

    def _note_ends(self, endings: list[tuple[Item, Exception | None]]) -> None:
        """Note how it ended with messages that were acknowledged before."""
        for item, error in endings:
            self.hand.running.discard(item)
            if error is None:
                self._report.handled += 1
            elif isinstance(error, StopWork):
                self._stop_for(error)
            else:
                self._report.failed += 1
                self._tell_failure(item, error)
        self._dispatch()
        self._note_progress()

    def _claim_again(self, item: Item, error: NotCommitted) -> None:
        """Hold what may be DONE or not; its claim is given up, else the next one would find it busy, with ourselves."""
        log.warning(
            "message %s: not committed: %s; looking again",
            item.delivery.message_id,
            error,
            extra=item.about | {"error": str(error)},
        )
        self._claims.let_go(item, failed=False)
        self._hold(item, after_no_commit(item.looks).seconds)
        item.looks += 1

    def _failed(self, item: Item, error: Exception) -> None:
        rejected = isinstance(error, Reject)
        after = getattr(error, "after", None) if isinstance(error, Retry) else None  # a subclass may have none
        attempt = item.original.attempt
        step = self._passing.ladder.step(attempt, rejected=rejected, after=after) if self._passing else None
        self._tell_failure(item, error, ", and there is no dead-letter queue for it" if rejected and not step else "")
        decision = after_handler(
            claimed=item.claim is not None, succeeded=False, failures=item.failures, step=step, after=after
        )
        if isinstance(decision, PassOn) and item.channel.is_open:
            self._required_passing.pass_on(item, decision.step, error, rejected=rejected)
        else:  # a message that comes again on another channel needs no copy
            item.failures += 1
            self._claims.let_go(item, failed=True)
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

    def _after_passing_on(self, retried: list[Item], dead: list[Item]) -> None:
        self._acks.acknowledge(dead, "dead")
        self._acks.acknowledge(retried, "retried")
        self._dispatch()

    def _hold_copy(self, item: Item, hold: Hold) -> None:
        self._hold(item, hold.seconds)
        self._dispatch()

    def _hold(self, item: Item, seconds: float) -> None:
        self.hand.running.discard(item)
        if not item.channel.is_open:
            self._withdraw(item)
        elif self._giving_back:
            self._return([item])
        elif item.has_failed and self._try_once:
            item.given_up = True
        else:
            item.timer = self._loop.call_later(seconds, self._guarded(self._enter), item)
        self._note_change()

    def _after_completing(self, completed: list[tuple[Item, bool]]) -> None:
        done: list[Item] = []
        for item, is_recorded in completed:
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
        self._acks.acknowledge(done, "handled")
        self._dispatch()

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
        self._claims.let_go(item, failed=item.copy is not None)
        self._note_change()

    def _purge(self) -> None:
        """Let go of the bodies of what was withdrawn, also behind a handler or a store that is slow."""
        self._claims.purge()
        self.hand.purge()

    def _stop_for(self, error: StopWork) -> None:
        """Have the worker stop; the other handlers that have begun may finish."""
        self._take_back()
        if not self.failure.done():
            self.failure.set_result(error.__cause__ or error)
            self._note_change()

    def _fail(self, error: BaseException) -> None:
        """Have the worker end: nothing can be brought to its end here any more."""
        self.is_broken = True
        if not self.failure.done():
            self.failure.set_result(error)
        self._note_change()

    def _guarded(self, step: Callable[..., None]) -> Callable[..., None]:
        """Make a step one that the loop may call, which would only log what it raises."""

        def call(*arguments: Any) -> None:
            try:
                step(*arguments)
            except Exception as error:
                self._fail(error)

        return call

    async def _next_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _note_progress(self) -> None:
        self.last_activity = self._loop.time()
        self._note_change()

    def _note_change(self) -> None:
        self._changed.set()
        self._on_change()

    @property
    def _required_passing(self) -> PassingOn:
        if self._passing is None:
            raise RuntimeError("a message is to be passed on without a ladder")
        return self._passing


def _original_of(item: Item, *, is_copied: bool) -> Delivery:
    """Return the delivery as its publisher sent it, with the attempt at it that this is.

    If a copy may be made of it, the handler gets headers of its own, with which it may do what it likes.
    """
    message, told = original_of(item.delivery.message, item.delivery.queue)
    if is_copied and message.headers:
        message = replace(message, headers=copied(message.headers))
    attempt = max(told, item.claim.attempt) if item.claim else told + item.failures
    if message is item.delivery.message and attempt == 1:
        return item.delivery
    return replace(item.delivery, message=message, attempt=attempt)
