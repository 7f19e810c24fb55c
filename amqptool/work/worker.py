"""The worker: keeps a consumer on a queue, through reconnects, until it is time to stop."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import threading
from typing import TYPE_CHECKING

from amqptool.backoff import Backoff
from amqptool.broker.amqp import Connection, Hosts, connect_to_any
from amqptool.dedup import open_store
from amqptool.errors import BrokerUnavailable, PreconditionFailed
from amqptool.handlers import as_handler
from amqptool.settings.url import as_urls
from amqptool.waiting import unless
from amqptool.work.forwarder import Forwarder, declare_ladder
from amqptool.work.intake import Intake
from amqptool.work.ladder import Ladder
from amqptool.work.pipeline import Pipeline
from amqptool.work.report import WorkReport
from amqptool.work.store import StoreThread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from amqptool.dedup.interface import DedupStore
    from amqptool.handlers import AnyHandler
    from amqptool.settings.url import AmqpUrl

log = logging.getLogger(__name__)

#: Deliveries the broker may hand out ahead of their acks (RabbitMQ advises 100 to 300).
PREFETCH = 250
#: AMQP 0-9-1: a short.
LARGEST_PREFETCH = 65_535
#: Seconds running handlers get to finish when the worker stops.
GRACE = 30.0
#: Seconds before a further attempt to reconnect.
BACKOFF = Backoff(first=0.2, longest=5.0)
#: Seconds between two looks at the clock, for the timeouts.
CLOCK_TICK = 0.05


class Worker:
    """Takes messages from a queue, gives each to a handler, and acknowledges what is done.

    The handler is a callable that takes a `Delivery`: a coroutine function runs on the worker's event
    loop, any other in a thread. Returning is success; any exception is a failed attempt. It may also be a text, as
    `load_handler` reads it, or what that returned. With several URLs it turns to the next broker when one is gone.

    `dedup` remembers which message ids are done: a store, its URL, or None for no dedup. The scope of an
    id is this queue of this cluster, unless `dedup_scope` names another. With dedup, a handler runs twice
    for one id only if the process dies between the handler's effect and the commit that follows it, or is
    cut off from the store for longer than its lease.

    `retry` are seconds to wait after each failed attempt, and `dead_letter` is the queue for what failed after all of
    them, or was rejected (`Reject`). Both are copies, confirmed before the message itself is acknowledged; their
    queues are declared if they are not there. Without a place for a failed message, it is held un-acked and tried
    again in place, later each time.

    `prefetch` is 250, or twice `concurrency` where a call takes long: for `exec:` and `http:`.

    `max_messages` stops after so many messages, each tried once; `idle_timeout` and `timeout` stop after
    so many seconds without a message, or altogether.
    """

    def __init__(
        self,
        urls: AmqpUrl | str | Sequence[AmqpUrl | str],
        queue: str,
        handler: AnyHandler,
        *,
        dedup: DedupStore | str | None,
        dedup_scope: str | None = None,
        retry: Sequence[float] = (),
        dead_letter: str | None = None,
        prefetch: int | None = None,
        concurrency: int = 1,
        grace: float = GRACE,
        max_messages: int | None = None,
        idle_timeout: float | None = None,
        timeout: float | None = None,
    ) -> None:
        if min(number for number in (prefetch, concurrency, max_messages) if number is not None) < 1:
            raise ValueError("prefetch, concurrency and max_messages are numbers from 1")
        if any(seconds < 0.001 for seconds in retry):
            raise ValueError("the seconds of retry are more than 0")
        self._hosts = Hosts(as_urls(urls))
        self._queue = queue
        self._handler = as_handler(handler)
        self._dedup = dedup
        self._scope = dedup_scope
        self._urls = as_urls(urls)
        self._ladder = Ladder(queue, tuple(round(seconds * 1000) for seconds in retry), dead_letter)
        wanted = prefetch or (PREFETCH if self._handler.reads_ahead else min(2 * concurrency, LARGEST_PREFETCH))
        self._prefetch = wanted if max_messages is None else min(wanted, max_messages)
        self._concurrency = concurrency
        self._grace = grace
        self._max_messages = max_messages
        self._idle_timeout = idle_timeout
        self._timeout = timeout
        self._report = WorkReport()
        self._stopping = asyncio.Event()
        self._changed = asyncio.Event()
        self._connected_once = False
        self._has_served = False
        self._idle_since: float | None = None

    def run(self) -> WorkReport:
        """Work until SIGTERM, SIGINT or a limit; see `serve`. In other threads than the main one, no signal comes."""

        async def serve_with_signals() -> WorkReport:
            if threading.current_thread() is threading.main_thread():
                self._stop_on_signals()
            return await self.serve()

        return asyncio.run(serve_with_signals())

    def _stop_on_signals(self) -> None:
        loop = asyncio.get_running_loop()
        signals = (signal.SIGTERM, signal.SIGINT)

        def stop() -> None:
            for number in signals:  # the second signal does what it does without us
                loop.remove_signal_handler(number)
            self.stop()

        for number in signals:
            loop.add_signal_handler(number, stop)

    async def serve(self) -> WorkReport:
        """Work until told to stop, a limit is reached, or something makes going on pointless.

        A lost connection is none of these: the worker connects again, for ever.

        Raises:
            BrokerUnavailable: the first connection failed.
            AccessRefused: the broker refused the credentials, the vhost or the queue.
            NotFound: the queue does not exist, or does not exist any more.
            DedupError: the dedup store cannot be opened, or was broken for too long.
            RuntimeError: it has served before.
        """
        if self._has_served:
            raise RuntimeError("a Worker serves once; make another one")
        self._has_served = True
        store = open_store(self._dedup) if isinstance(self._dedup, str) else self._dedup
        try:
            return await self._serve_with(store)
        finally:
            if store is not None and store is not self._dedup:
                store.close()

    def stop(self, reason: str = "stop") -> None:
        """Ask the worker to stop; to be called on its event loop."""
        if not self._stopping.is_set():
            log.info("stopping (%s)", reason)
            self._report.stopped_by = reason
            self._stopping.set()
            self._changed.set()

    async def _serve_with(self, store: DedupStore | None) -> WorkReport:
        if store is None:
            return await self._serve(None)
        thread = StoreThread(store)
        try:
            return await self._serve(thread)
        finally:
            await thread.close()

    async def _serve(self, store: StoreThread | None) -> WorkReport:
        forwarder = Forwarder(self._urls, self._ladder) if self._ladder.queues() else None
        pipeline = Pipeline(
            self._handler,
            store,
            self._report,
            forwarder,
            concurrency=self._concurrency,
            try_once=self._max_messages is not None,
            on_change=self._changed.set,
        )
        clock = asyncio.create_task(self._watch_clock(pipeline))
        try:
            await self._stay_connected(pipeline)
        finally:
            clock.cancel()
            try:
                await pipeline.finish(self._grace)
            finally:
                await pipeline.end()
                if forwarder is not None:
                    await forwarder.close()
        return self._report

    async def _stay_connected(self, pipeline: Pipeline) -> None:
        async for failures in self._attempts():
            try:
                await self._connect_and_consume(pipeline)
            except (BrokerUnavailable, PreconditionFailed) as error:
                if not self._connected_once:
                    raise
                log.log(logging.INFO if failures else logging.WARNING, "%s; connecting again", error)

    async def _connect_and_consume(self, pipeline: Pipeline) -> None:
        opening = connect_to_any(self._hosts, name=f"amqptool consume {self._queue}")
        connection = await unless(self._stopping, opening, discard=Connection.abandon)
        if connection is None:
            return
        try:
            await self._consume(connection, pipeline)
        except BrokerUnavailable:
            self._hosts.rotate()
            raise
        finally:
            await connection.close()

    async def _attempts(self) -> AsyncIterator[int]:
        """Yield how many attempts to connect have failed in a row, pausing longer after each one."""
        failures = 0
        while not self._stopping.is_set():
            before = self._report.received
            yield failures
            failures = failures + 1 if self._report.received == before else 0
            await self._pause(BACKOFF.after(failures + 1, random.random()))  # noqa: S311  # jitter, no secret

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _consume(self, connection: Connection, pipeline: Pipeline) -> None:
        """Work off the queue over one connection, until stopping, and then finish what is in hand."""
        await declare_ladder(connection.url, self._ladder)
        scope = self._scope or f"{connection.cluster_name}/{connection.url.vhost}/{self._queue}"
        intake = Intake(await connection.channel(), pipeline, scope, self._quota, self._changed.set)
        await intake.open(self._queue, self._prefetch)
        if self._connected_once:
            self._report.reconnects += 1
            log.warning("consuming again from queue %r", self._queue)
        self._connected_once = True
        self._idle_since = asyncio.get_running_loop().time()
        try:
            while not await self._is_worked_off(intake, pipeline):
                await intake.open(self._queue, self._prefetch)
            self.stop("max-messages")
            pipeline.give_back()
            await pipeline.finish(self._grace)
        finally:
            self._idle_since = None
            pipeline.drop(intake.channel)

    async def _is_worked_off(self, intake: Intake, pipeline: Pipeline) -> bool:
        """Work until stopping, or until the quota is in hand and settled; return whether that was enough.

        It was not if some of it had been counted before, and came again because its ack was lost.
        """
        await self._until(lambda: self._stopping.is_set() or intake.is_full, intake, pipeline)
        await intake.close()
        await self._until(lambda: self._stopping.is_set() or pipeline.is_settled, intake, pipeline)
        intake.give_back()
        return self._stopping.is_set() or intake.is_full

    def _quota(self) -> int | None:
        """How many more messages may be taken in, all in all; None: any number."""
        return None if self._max_messages is None else self._max_messages - self._report.acknowledged

    async def _until(self, condition: Callable[[], bool], intake: Intake, pipeline: Pipeline) -> None:
        """Wait until the condition holds, which is looked at whenever something changed.

        Raises:
            BrokerError: the channel was closed, or the broker cancelled the consumer.
            DedupError: the store stayed broken.
        """
        while not condition():
            intake.check()
            if pipeline.failure.done():
                raise pipeline.failure.result()
            self._changed.clear()
            await self._changed.wait()

    async def _watch_clock(self, pipeline: Pipeline) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        while True:
            now = loop.time()
            if self._timeout is not None and now - started >= self._timeout:
                self.stop("timeout")
            elif self._idle_timeout is not None and self._idle_seconds(now, pipeline) >= self._idle_timeout:
                self.stop("idle-timeout")
            await asyncio.sleep(CLOCK_TICK)

    def _idle_seconds(self, now: float, pipeline: Pipeline) -> float:
        """How long nothing came in although it could have; a lost connection is not idleness."""
        if self._idle_since is None or not pipeline.is_idle:
            return 0.0
        return now - max(self._idle_since, pipeline.last_activity)
