"""What becomes of deliveries whose handlers have ended."""

from __future__ import annotations

import logging
from math import inf
from typing import TYPE_CHECKING

from amqptool.handlers.interface import Reject, Retry, StopWork
from amqptool.work.copies import text_of
from amqptool.work.settle import Complete, Hold, PassOn, after_handler, after_no_commit
from amqptool.work.transactions import NotCommitted

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.work.acknowledging import Acknowledging
    from amqptool.work.claims import Claims
    from amqptool.work.hand import Hand
    from amqptool.work.holding import Holding
    from amqptool.work.item import Item
    from amqptool.work.passing import PassingOn
    from amqptool.work.report import WorkReport

log = logging.getLogger(__name__)


class Outcomes:
    """Settles deliveries by how their handlers ended: completes or acknowledges, passes on, or holds them.

    `passing` None means that there is no ladder. With `committed`, a success is DONE already. `on_stop` is called when
    a handler can do no work.
    """

    def __init__(
        self,
        hand: Hand,
        claims: Claims,
        acks: Acknowledging,
        holding: Holding,
        passing: PassingOn | None,
        report: WorkReport,
        *,
        committed: bool,
        on_stop: Callable[[StopWork], None],
    ) -> None:
        self._hand = hand
        self._claims = claims
        self._acks = acks
        self._holding = holding
        self._passing = passing
        self._report = report
        self._committed = committed
        self._on_stop = on_stop

    def settle(self, endings: list[tuple[Item, Exception | None]]) -> None:
        """Settle deliveries, each with its handler's error."""
        done: list[Item] = []
        for item, error in endings:
            if error is None:
                decision = after_handler(
                    claimed=item.claim is not None,
                    succeeded=True,
                    failures=item.failures,
                    committed=self._committed,
                )
                if isinstance(decision, Complete):
                    self._claims.complete(item)
                else:
                    done.append(item)
            elif isinstance(error, StopWork):
                self._hand.running.discard(item)
                self._on_stop(error)
            elif isinstance(error, NotCommitted):
                self.doubt(item, after_no_commit(item.looks), f"not committed: {error}")
            else:
                self.fail(item, error)
        if done:
            self._acks.acknowledge(done, "handled")

    def settle_last(self, endings: list[tuple[Item, Exception | None]]) -> None:
        """Settle what has succeeded at the worker's end, and give up the rest as if it was never tried.

        A handler may have failed since it was cancelled.
        """
        for item, error in endings:
            if error is not None:
                self._claims.let_go(item, failed=False)
        self.settle([(item, error) for item, error in endings if error is None])

    def note(self, endings: list[tuple[Item, Exception | None]]) -> None:
        """Note how it ended with messages that were acknowledged before."""
        for item, error in endings:
            self._hand.running.discard(item)
            if error is None:
                self._report.handled += 1
            elif isinstance(error, StopWork):
                self._on_stop(error)
            else:
                self._report.failed += 1
                self._tell_failure(item, error)

    def fail(self, item: Item, error: Exception) -> None:
        """Pass on what has failed, or hold it."""
        rejected = isinstance(error, Reject)
        after = asked_delay(error)
        attempt = item.original.attempt
        step = self._passing.ladder.step(attempt, rejected=rejected, after=after) if self._passing else None
        self._tell_failure(item, error, ", and there is no dead-letter queue for it" if rejected and not step else "")
        decision = after_handler(
            claimed=item.claim is not None, succeeded=False, failures=item.failures, step=step, after=after
        )
        if self._passing and isinstance(decision, PassOn) and item.channel.is_open:
            self._passing.pass_on(item, decision.step, error, rejected=rejected)
        else:  # a message that comes again on another channel needs no copy
            item.failures += 1
            self._claims.let_go(item, failed=True)
            self._holding.hold(item, decision.seconds if isinstance(decision, Hold) else 0.0)

    def doubt(self, item: Item, hold: Hold, why: str) -> None:
        """Look again whether a message is done of which the handler has succeeded."""
        log.warning("message %s: %s; looking again", item.delivery.message_id, why, extra=item.about)
        self._holding.look_again(item, hold.seconds)

    def _tell_failure(self, item: Item, error: Exception, remark: str = "") -> None:
        self._report.failed_attempts += 1
        log.warning(
            "message %s: attempt %d failed%s: %s",
            item.delivery.message_id,
            item.original.attempt,
            remark,
            text_of(error),
            extra=item.about | {"error": type(error).__name__},
            exc_info=error if log.isEnabledFor(logging.DEBUG) else None,
        )


def asked_delay(error: Exception) -> float | None:
    """Return for how many seconds a handler has asked, if it has; a kind of `Retry` may have none, or anything."""
    after = getattr(error, "after", None) if isinstance(error, Retry) else None
    return after if isinstance(after, (int, float)) and 0 <= after < inf else None
