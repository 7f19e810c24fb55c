"""The way of every delivery through a worker: claim, handle, complete, acknowledge.

The pipeline outlives connections. Each delivery remembers the channel that brought it, and only that
channel acknowledges it; when the channel is gone, the broker delivers again, and the store tells whether
the first round got to DONE.

::

    accept ─▶ claiming ─▶ ready ─▶ running ─┬─▶ completing ─▶ ack
                 ▲          │         │     └─▶ passing on ─▶ ack
                 └── held ◀─┴─────────┴────────────┘

Who does what: `claims` claims and completes, `handling` has handled what is ready, `outcomes` settles how that ended,
`passing` sends copies, `holding` keeps what waits, and `acknowledging` acks. `hand` knows where each delivery is, and
here is what leads from one to the next.

Everything but the failed ones goes in batches: one transaction claims all that came in meanwhile, one writes DONE for
all that ended meanwhile, and one ack speaks for as many as it can.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

from amqptool.dedup.interface import Acquired
from amqptool.handlers.interface import MissingId
from amqptool.work.acknowledging import Acknowledging
from amqptool.work.claims import Claims
from amqptool.work.hand import Hand
from amqptool.work.handling import Handling
from amqptool.work.holding import Holding
from amqptool.work.item import Item
from amqptool.work.outcomes import Outcomes
from amqptool.work.passing import PassingOn
from amqptool.work.progress import Progress
from amqptool.work.settle import Ack, Hold, Run, after_claim, after_complete
from amqptool.work.transactions import InTransaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.broker.amqp import Channel
    from amqptool.dedup.interface import Claim
    from amqptool.handlers.interface import Handler, StopWork
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
        self._loop = asyncio.get_running_loop()
        self._handler = handler
        self._report = report
        self._ack_first = ack_first
        self._reject_missing_id = reject_missing_id and store is not None
        self._progress = Progress(on_change)
        #: What was accepted and is not settled.
        self.hand = Hand(concurrency + commit_group)
        self._ending = False
        self._has_left_handlers = False
        self._deadline: float | None = None
        self._acks = Acknowledging(
            self.hand, report, dedup=store is not None, counts_once=try_once, on_change=self._progress.note_activity
        )
        self._claims = Claims(
            store,
            self.hand.items,
            on_claimed=self._after_claiming,
            on_completed=self._after_completing,
            on_failure=self._progress.fail,
        )
        self._holding = Holding(
            self.hand,
            self._claims,
            report,
            try_once=try_once,
            on_due=self._progress.guarded(self._enter),
            on_change=self._progress.note_change,
        )
        self._passing = None if forwarder is None else self._passing_on(forwarder)
        self._outcomes = Outcomes(
            self.hand,
            self._claims,
            self._acks,
            self._holding,
            self._passing,
            report,
            committed=isinstance(handler, InTransaction),
            on_stop=self._stop_for,
        )
        self._handling = Handling(
            handler,
            self.hand,
            self._claims,
            self._acks,
            None if forwarder is None else forwarder.ladder,
            concurrency=concurrency,
            ack_first=ack_first,
            on_ended=self._progress.guarded(self._after_handling),
            on_used_up=self._outcomes.fail,
            on_failure=self._progress.fail,
        )
        if store is not None:
            store.on_recovery = self._progress.guarded(self._dispatch)

    def _passing_on(self, forwarder: Forwarder) -> PassingOn:
        return PassingOn(
            forwarder,
            self._claims,
            on_passed_on=self._after_passing_on,
            on_kept=self._hold_copy,
            on_failure=self._progress.fail,
        )

    # -- what the worker sees --

    @property
    def failure(self) -> asyncio.Future[BaseException]:
        """Set when the worker must stop, since its handler can do no work or the pipeline is broken."""
        return self._progress.failure

    @property
    def is_broken(self) -> bool:
        """Whether nothing can be brought to its end any more, such as when the store stays broken."""
        return self._progress.is_broken

    @property
    def last_activity(self) -> float:
        """When a delivery last came or was settled, by the loop's clock."""
        return self._progress.last_activity

    def accept(self, delivery: Delivery, channel: Channel, scope: str) -> None:
        """Take a delivery in."""
        now = self._progress.last_activity = self._loop.time()
        item = Item(delivery, delivery, channel, self._claims.key(delivery, scope), now)
        self.hand.add(item)
        self._report.received += 1
        self._enter(item)

    def look_for_old(self, age: float) -> None:
        """Give back what has waited here for so many seconds, and warn of handlers that run for so long.

        The broker takes a channel away from whoever keeps a delivery for too long (consumer timeout).
        """
        old = self._holding.find_old(age)
        if not old:
            return
        self._handling.take_back()
        self._holding.give_back_old(old, age)
        self._purge()
        self._dispatch()

    def drop(self, channel: Channel) -> None:
        """Forget the deliveries of a channel that is gone; the broker delivers them again.

        Handlers that are running go on, and their DONE is written.
        """
        self._handling.take_back()
        for item in [item for item in self.hand.waiting() if item.channel is channel]:
            self._holding.withdraw(item)
        self._purge()
        self._dispatch()

    def give_back(self) -> None:
        """Return every delivery whose handler is not running to its queue, and release its claim.

        From now on, a delivery whose handler fails goes back too.
        """
        self._handling.take_back()
        self._holding.give_all_back()
        self._purge()

    async def finish(self, grace: float) -> None:
        """Let running handlers finish, commit and acknowledge, for so many seconds from the first call on."""
        loop = asyncio.get_running_loop()
        self._deadline = self._deadline or loop.time() + grace
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._deadline):
                while self.hand.running and not self.is_broken:
                    await self._progress.next_change()

    async def end(self) -> None:
        """End every task; what is still in hand stays un-acked, for the broker to deliver again."""
        self._handling.take_back()
        self._ending = True
        async with AsyncExitStack() as at_last:  # the last one first, also if this is cancelled again and again
            at_last.callback(self._note_unfinished)
            at_last.push_async_callback(self._handler.close)
            at_last.push_async_callback(self._claims.end)
            if self._passing is not None:
                at_last.push_async_callback(self._passing.stop)
            at_last.push_async_callback(self._claims.stop)
            try:
                await self._handling.end()
            finally:
                self._has_left_handlers = True

    # -- stages --

    def _enter(self, item: Item) -> None:
        item.timer = None
        if self._passing is not None and item.copy is not None:
            self.hand.running.add(item)
            self._passing.send(item)
        elif item.key is None and self._reject_missing_id:
            self.hand.running.add(item)
            self._outcomes.fail(item, MissingId("the message id is no UUID"))
        elif item.key is None:
            self._handling.line_up(item)
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
                    self._holding.look_again(item, seconds)
        self._acks.acknowledge(duplicates, "duplicates")
        self._dispatch()

    def _run_under(self, claim: Claim, item: Item) -> None:
        if not isinstance(claim, Acquired):
            raise RuntimeError("a delivery is to be run without its claim")
        if item in self.hand.items:
            item.claim = claim
            self._handling.line_up(item)
        else:
            self._claims.give_up(claim, failed=False)

    def _dispatch(self) -> None:
        """Have handled what is ready, as long as DONE can be written: whatever is without it, a crash would repeat."""
        if not (self._ending or self._progress.failure.done()) and self._claims.store_works:
            self._handling.give_out()

    def _after_handling(self, endings: list[tuple[Item, Exception | None]]) -> None:
        if self._has_left_handlers:
            return
        if self._ack_first:
            self._outcomes.note(endings)
            self._progress.note_activity()
        elif self._ending:
            self._outcomes.settle_last(endings)
        else:
            self._outcomes.settle(endings)
        self._dispatch()

    def _after_passing_on(self, retried: list[Item], dead: list[Item]) -> None:
        self._acks.acknowledge(dead, "dead")
        self._acks.acknowledge(retried, "retried")
        self._dispatch()

    def _hold_copy(self, item: Item, hold: Hold) -> None:
        self._holding.hold(item, hold.seconds)
        self._dispatch()

    def _after_completing(self, completed: list[tuple[Item, bool]]) -> None:
        done: list[Item] = []
        for item, is_recorded in completed:
            match after_complete(item.looks, recorded=is_recorded):
                case Ack():
                    done.append(item)
                case Hold() as hold:
                    self._outcomes.doubt(item, hold, "another worker took it over")
        self._acks.acknowledge(done, "handled")
        self._dispatch()

    # -- housekeeping --

    def _purge(self) -> None:
        """Let go of the bodies of what was withdrawn, also behind a handler or a store that is slow."""
        self._claims.purge()
        self.hand.purge()

    def _note_unfinished(self) -> None:
        self._report.abandoned = len(self.hand.running)
        if self.hand.running:
            fate = "which are lost" if self._ack_first else "for the broker to deliver again"
            log.warning("messages left unfinished, %s: %d", fate, len(self.hand.running))

    def _stop_for(self, error: StopWork) -> None:
        """Have the worker stop; the other handlers that have begun may finish."""
        self._handling.take_back()
        self._progress.stop_for(error)
