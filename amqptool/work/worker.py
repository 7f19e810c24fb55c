"""The worker: what it is to do, and all that takes part in it."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Literal

from amqptool import loop as loops
from amqptool.broker.amqp import Hosts
from amqptool.broker.discovery import brokers_at, urls_at
from amqptool.dedup import open_store
from amqptool.handlers import as_handler
from amqptool.handlers.checked import checking
from amqptool.handlers.transaction import as_transaction_handler
from amqptool.work.connecting import Connecting
from amqptool.work.consuming import Consuming
from amqptool.work.crowding import Crowding
from amqptool.work.endpoint import observed
from amqptool.work.forwarder import Forwarder
from amqptool.work.ladder import ladder_of
from amqptool.work.metrics import Metrics
from amqptool.work.pipeline import COMMIT_GROUP, Pipeline
from amqptool.work.report import WorkReport
from amqptool.work.retention import warn_of_short_retention
from amqptool.work.status import WorkStatus
from amqptool.work.stopping import Stopping
from amqptool.work.store import StoreThread
from amqptool.work.timekeeping import TimeLimits, give_back_old, warn_of_crowding
from amqptool.work.traced import traced
from amqptool.work.transactions import InTransaction, check_transactional

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
    from contextlib import AbstractAsyncContextManager

    from amqptool.broker.discovery import Urls
    from amqptool.dedup.interface import DedupStore
    from amqptool.handlers import AnyHandler
    from amqptool.topology.model import Topology

#: Deliveries the broker may hand out ahead of their acks (RabbitMQ advises 100 to 300).
PREFETCH = 250
#: AMQP 0-9-1: a short.
LARGEST_PREFETCH = 65_535
#: Bytes of message bodies to have in hand, at most one message more.
PREFETCH_BYTES = 64 * 1024 * 1024
#: Seconds after which RabbitMQ takes a delivery away that is not acknowledged, unless it is configured otherwise.
CONSUMER_TIMEOUT = 1800.0
#: Seconds running handlers get to finish when the worker stops.
GRACE = 30.0


class Worker:
    """Takes messages from a queue, gives each to a handler, and acknowledges what is done.

    The handler is a callable that takes a `Delivery`: a coroutine function runs on the worker's event
    loop, any other in a thread. Returning is success; any exception is a failed attempt. It may also be a text, as
    `load_handler` reads it, or what that returned. With several URLs it turns to the next broker when one is gone;
    with `etcd://…` it asks etcd for them each time it connects.

    `dedup` remembers which message ids are done: a store, its URL, or None for no dedup. The scope of an
    id is this queue of this cluster, unless `dedup_scope` names another. With dedup, a handler runs twice
    for one id only if, between the handler's effect and the commit that follows it, the process dies, the worker gives
    up on a store that is away for more than a minute, or it is cut off from the store for longer than its lease.

    `retry` are seconds to wait after each failed attempt, and `dead_letter` is the queue for what failed after all of
    them, or was rejected (`Reject`). Both are copies, confirmed before the message itself is acknowledged; their
    queues are declared if they are not there. Without a place for a failed message, it is held un-acked and tried
    again in place, later each time.

    With `commit="each"` a handler waits for the commit of the message before, so a crash repeats one message at most,
    where it otherwise repeats those that were handled and not yet committed: up to a group of 500.

    `prefetch` messages are asked for ahead (250, or twice `concurrency` where a call takes long: `exec:` and `http:`),
    fewer if these are more than `prefetch_bytes`. What would be here for longer than the broker's `consumer_timeout`
    (seconds; None: there is none) is given back before, if its handler has not begun.

    `at_most_once` acknowledges each message before it is handled: what fails, or is in hand when the process dies, is
    lost. `reject_missing_id` treats a message whose id is no UUID as one that its handler rejected.

    With `transaction`, the handler is a blocking function that takes a transaction too: the connection, of `sqlite3`
    or `psycopg`, in which DONE is written and committed when it returns. What it does there is there with DONE, or
    not at all, and so exactly once. A message whose id is no UUID is rejected.

    With `validate`, each body is first checked against the schemas that the topology's `messages` has for its exchange
    and routing key. One that does not fit is treated as one that its handler rejected.

    `max_messages` stops after so many messages, each tried once; `idle_timeout` and `timeout` stop after
    so many seconds without a message, or altogether.

    Where OpenTelemetry is installed (extra `otel`), a message whose headers name a trace is handled in a span of it.

    With `metrics_port` it answers HTTP at `metrics_address` while it serves: `/metrics` for Prometheus (extra
    `metrics`), `/live` and `/ready`. Port 0 is any that is free, which the log tells.
    """

    def __init__(
        self,
        urls: Urls,
        queue: str,
        handler: AnyHandler,
        *,
        dedup: DedupStore | str | None,
        dedup_scope: str | None = None,
        retry: Sequence[float] = (),
        dead_letter: str | None = None,
        commit: Literal["group", "each"] = "group",
        prefetch: int | None = None,
        prefetch_bytes: int = PREFETCH_BYTES,
        concurrency: int = 1,
        consumer_timeout: float | None = CONSUMER_TIMEOUT,
        grace: float = GRACE,
        max_messages: int | None = None,
        idle_timeout: float | None = None,
        timeout: float | None = None,
        at_most_once: bool = False,
        reject_missing_id: bool = False,
        transaction: bool = False,
        validate: Topology | None = None,
        metrics_port: int | None = None,
        metrics_address: str = "127.0.0.1",
    ) -> None:
        if at_most_once and (dedup is not None or retry or dead_letter is not None):
            raise ValueError("at_most_once lets go of messages first: without dedup, retry and dead_letter")
        if transaction:
            check_transactional(dedup)
        if min(number for number in (prefetch, concurrency, max_messages) if number is not None) < 1:
            raise ValueError("prefetch, concurrency and max_messages are numbers from 1")
        if not all(seconds >= 0 for seconds in (grace, idle_timeout, timeout) if seconds is not None):
            raise ValueError("grace, idle_timeout and timeout are seconds from 0")
        if consumer_timeout is not None and not consumer_timeout > 0:
            raise ValueError("consumer_timeout is more than 0 seconds")
        if metrics_port is not None and not 0 <= metrics_port <= 65535:
            raise ValueError("metrics_port is a number from 0 to 65535")
        self._where = brokers_at(urls)
        self._hosts = Hosts(self._where)
        self._queue = queue
        self._handler = as_transaction_handler(handler) if transaction else as_handler(handler)
        self._validate = validate
        if urls_at(self._where):
            self._check_bodies()
        self._transaction = transaction
        self._dedup = dedup
        self._ladder = ladder_of(queue, retry, dead_letter)
        # What is acknowledged first must not wait for its handler, for it would be lost; transactions do not group.
        self._commit_group = COMMIT_GROUP if commit == "group" and not (at_most_once or transaction) else 0
        wanted = prefetch or (PREFETCH if self._handler.reads_ahead else min(2 * concurrency, LARGEST_PREFETCH))
        self._prefetch = wanted if max_messages is None else min(wanted, max_messages)
        self._concurrency = concurrency
        self._consumer_timeout = consumer_timeout
        self._grace = grace
        self._max_messages = max_messages
        self._at_most_once = at_most_once
        self._reject_missing_id = reject_missing_id
        self._report = WorkReport()
        self._stopping = Stopping(self._report)
        self._limits = TimeLimits(self._stopping, timeout=timeout, idle_timeout=idle_timeout)
        self._consuming = Consuming(
            queue,
            self._stopping,
            self._report,
            ladder=self._ladder,
            scope=queue if dedup is None else dedup_scope,  # nobody asks, and no cluster's name matters
            prefetch=self._prefetch,
            prefetch_bytes=prefetch_bytes,
            max_messages=max_messages,
            grace=grace,
        )
        self._connecting = Connecting(
            self._hosts,
            queue,
            self._consuming,
            self._stopping,
            self._report,
            goes_by_cluster=dedup is not None and dedup_scope is None,
        )
        self._has_served = False
        self._pipeline: Pipeline | None = None
        self._store: StoreThread | None = None
        self._metrics_at = metrics_address, metrics_port
        self._metrics = None if metrics_port is None else Metrics(self._report, lambda: self.status)

    @property
    def report(self) -> WorkReport:
        """What it has done so far."""
        return self._report

    @property
    def status(self) -> WorkStatus:
        """What it is doing right now."""
        in_hand, held = (len(self._pipeline.hand.items), self._pipeline.hand.held) if self._pipeline else (0, 0)
        return WorkStatus(
            queue=self._queue,
            prefetch=self._prefetch,
            consuming=self._consuming.since is not None,
            stopping=self._stopping.begun.is_set(),
            store_works=self._store is None or self._store.is_healthy,
            in_flight=in_hand - held,
            held=held,
        )

    def run(self) -> WorkReport:
        """Work until SIGTERM, SIGINT or a limit; see `serve`. In other threads than the main one, no signal comes.

        A handler that swallows its cancellation is left behind, without a loop to go on in.
        """

        async def serve_with_signals() -> WorkReport:
            if threading.current_thread() is threading.main_thread():
                self._stop_on_signals()
            return await self.serve()

        return loops.run(serve_with_signals())

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
            ConfigError: TLS failed, or several hosts tell different names of their cluster and there is no dedup scope.
            NotFound: the queue does not exist, or does not exist any more.
            DedupError: the dedup store cannot be opened, or was broken for too long.
            RuntimeError: it has served before.
        """
        if self._has_served:
            raise RuntimeError("a Worker serves once; make another one")
        self._has_served = True
        started = asyncio.get_running_loop().time()
        try:
            async with self._opened_store() as store:
                await self._learn_vhost()
                async with self._observed():
                    return await self._serve(store)
        finally:
            self._report.seconds = asyncio.get_running_loop().time() - started

    async def _learn_vhost(self) -> None:
        if self._validate is None:
            return
        try:  # as etcd was not asked before, which says in which vhost the bodies are described
            await self._hosts.refresh()
            self._check_bodies()
        except BaseException:
            await self._handler.close()
            raise

    def _check_bodies(self) -> None:
        """Let the handler be called only for bodies that are as the vhost of the first broker wants them."""
        if self._validate is not None:
            vhost = urls_at(self._where)[0].vhost
            self._handler, self._validate = checking(self._handler, self._validate, vhost), None

    def _observed(self) -> AbstractAsyncContextManager[object]:
        address, port = self._metrics_at
        if self._metrics is None or port is None:
            return nullcontext()
        return observed(address, port, self._metrics.text, lambda: self.status)

    async def consuming(self) -> None:
        """Wait until it consumes for the first time: messages that come from now on reach it."""
        await self._consuming.begun.wait()

    def stop(self, reason: str = "stop") -> None:
        """Ask the worker to stop; to be called on its event loop."""
        self._stopping.begin(reason)

    @asynccontextmanager
    async def _opened_store(self) -> AsyncIterator[StoreThread | None]:
        if self._dedup is None:
            yield None
            return
        store = open_store(self._dedup) if isinstance(self._dedup, str) else self._dedup
        warn_of_short_retention(store, self._ladder)
        thread = StoreThread(store)
        try:
            yield thread
        finally:
            await thread.close(with_store=store is not self._dedup)

    async def _serve(self, store: StoreThread | None) -> WorkReport:
        forwarder = Forwarder(self._where, self._ladder) if self._ladder.queues() else None
        handler = traced(self._handler, self._ladder)
        handler = handler if self._metrics is None else self._metrics.timed(handler)
        pipeline = Pipeline(
            InTransaction(handler, store.store) if store and self._transaction else handler,
            store,
            self._report,
            forwarder,
            concurrency=self._concurrency,
            commit_group=self._commit_group,
            try_once=self._max_messages is not None,
            ack_first=self._at_most_once,
            reject_missing_id=self._reject_missing_id,
            on_change=self._stopping.note_change,
        )
        self._pipeline, self._store = pipeline, store
        clocks = [asyncio.create_task(keeping) for keeping in self._by_the_clock(pipeline)]
        try:
            await self._connecting.work_off(pipeline)
            if pipeline.failure.done():
                raise pipeline.failure.result()
        finally:
            for clock in clocks:
                clock.cancel()
            try:
                await self._end(pipeline)
            finally:
                if forwarder is not None:
                    await forwarder.close()
        return self._report

    def _by_the_clock(self, pipeline: Pipeline) -> Iterator[Coroutine[None, None, None]]:
        yield self._limits.keep(pipeline, lambda: self._consuming.since)
        if self._consumer_timeout is not None:
            yield give_back_old(pipeline, self._consumer_timeout)
        if self._max_messages is None:  # else what fails keeps nobody out
            yield warn_of_crowding(Crowding(self._queue, self._prefetch), pipeline)

    async def _end(self, pipeline: Pipeline) -> None:
        try:
            await pipeline.finish(self._grace)
        finally:
            await pipeline.end()
