"""Publishing a whole input, and what became of it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from amqptool.errors import AmqptoolError, PublishError
from amqptool.publish.latency import Latencies
from amqptool.publish.outcome import Confirmed, Failed
from amqptool.waiting import unless

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from amqptool.errors import InputError
    from amqptool.publish.feed import Feed
    from amqptool.publish.ledger import Ledger
    from amqptool.publish.publisher import Publisher

#: How many failures a report lists; the rest it counts.
LISTED_FAILURES = 100
#: Seconds to wait for the confirms that are out once told to stop.
STOP_GRACE = 5.0


@dataclass(slots=True)
class Report:
    """What became of the messages of one input."""

    confirmed: int = 0
    #: The name of each error and how many messages ended with it.
    failed: Counter[str] = field(default_factory=Counter)
    #: The first failures, each with its message.
    failures: list[Failed] = field(default_factory=list)
    #: One error of each kind that occurred.
    errors: dict[str, AmqptoolError] = field(default_factory=dict)
    #: How many items of the input were no messages, and the first of them, each with its reason.
    bad: int = 0
    bad_items: list[InputError | OSError] = field(default_factory=list)
    #: Why the first message that was refused for what it is was refused.
    refusal: AmqptoolError | None = None
    #: Why the input was not published to its end.
    stopped_by: AmqptoolError | OSError | None = None
    #: Told to stop before the end of the input.
    interrupted: bool = False
    seconds: float = 0.0
    #: How long the confirms took.
    latencies: Latencies = field(default_factory=Latencies)
    #: The last message confirmed; the whole story when there is only one.
    last: Confirmed | None = None

    def add(self, outcome: Confirmed | Failed) -> None:
        """Count one outcome."""
        if isinstance(outcome, Confirmed):
            self.confirmed += 1
            self.last = outcome
            self.latencies.add(outcome.seconds)
            return
        if self.refusal is None and not isinstance(outcome.error, PublishError):
            self.refusal = outcome.error
        name = type(outcome.error).__name__
        self.failed[name] += 1
        self.errors.setdefault(name, outcome.error)
        if len(self.failures) < LISTED_FAILURES:
            self.failures.append(outcome)

    def add_bad(self, error: InputError | OSError) -> None:
        """Count an item that was no message."""
        self.bad += 1
        if len(self.bad_items) < LISTED_FAILURES:
            self.bad_items.append(error)


async def publish_all(
    publisher: Publisher,
    feed: Feed,
    ledger: Ledger,
    stop: asyncio.Event,
    *,
    skip_refused: bool = False,
) -> Report:
    """Publish every message of an input and report what became of each; see `Publisher.publish_many`.

    The input ends soon after `stop` is set; confirms that are still out then get `STOP_GRACE` seconds. What was
    read of a stream by then, and not sent, fails. Opens and closes the publisher.

    Raises:
        BrokerError: the broker could not be reached in the first place.
    """
    report = ledger.report
    started = time.monotonic()
    try:
        if await unless(stop, _open(publisher)):
            publishing = _publish(publisher, feed, ledger, stop, skip_refused=skip_refused)
            await _until_told(stop, publisher, publishing)
    finally:
        await publisher.close()
    report.interrupted = stop.is_set()
    report.seconds = time.monotonic() - started
    return report


async def _open(publisher: Publisher) -> bool:
    await publisher.open()
    return True


async def _until_told(stop: asyncio.Event, publisher: Publisher, work: Coroutine[object, object, None]) -> None:
    publishing = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({publishing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not publishing.done():
            await asyncio.wait({publishing}, timeout=STOP_GRACE)
            publisher.abandon()
        await publishing
    finally:
        publishing.cancel()
        stopping.cancel()


async def _publish(
    publisher: Publisher, feed: Feed, ledger: Ledger, stop: asyncio.Event, *, skip_refused: bool
) -> None:
    try:
        async with ledger:
            try:
                await publisher.pour(feed.messages(stop), ledger, skip_refused=skip_refused)
            finally:
                for message in feed.unsent():
                    ledger.add(Failed(message, PublishError("not sent: the input ended early", message)))
    except (AmqptoolError, OSError) as error:
        ledger.report.stopped_by = error
