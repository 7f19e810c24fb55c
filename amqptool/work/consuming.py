"""One connection of a worker: a consumer on its queue, for as long as there is something to do."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from amqptool.work.delivery_count import DeliveryCount
from amqptool.work.forwarder import declare_ladder
from amqptool.work.intake import Intake
from amqptool.work.watchdog import INTERVAL, watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.broker.amqp import Connection
    from amqptool.work.ladder import Ladder
    from amqptool.work.pipeline import Pipeline
    from amqptool.work.report import WorkReport
    from amqptool.work.stopping import Stopping

log = logging.getLogger(__name__)


class Consuming:
    """Feeds a pipeline from a queue, over one connection after the other, until it is to stop or has had enough.

    `scope` None means the queue of the cluster that it is connected to. `max_messages` are all it may take in, over all
    connections.
    """

    def __init__(
        self,
        queue: str,
        stopping: Stopping,
        report: WorkReport,
        *,
        ladder: Ladder,
        scope: str | None,
        prefetch: int,
        prefetch_bytes: int,
        max_messages: int | None,
        grace: float,
    ) -> None:
        self._queue = queue
        self._stopping = stopping
        self._report = report
        self._ladder = ladder
        self._scope = scope
        # The name that the cluster of the last connection told.
        self._cluster: str | None = None
        self._prefetch = prefetch
        self._prefetch_bytes = prefetch_bytes
        self._max_messages = max_messages
        self._grace = grace
        self._delivery_count = DeliveryCount()
        #: Set once it has consumed for the first time.
        self.begun = asyncio.Event()
        #: Since when messages can come, by the loop's clock; None: they cannot.
        self.since: float | None = None

    async def work_off(self, connection: Connection, pipeline: Pipeline) -> None:
        """Work off the queue over a connection, until stopping, and then finish what is in hand.

        Raises:
            NotFound: the queue does not exist.
            BrokerError: the connection was lost, the broker ended the consumer, openly or not, or refused it.
            DedupError: the store stayed broken.
        """
        await (await connection.channel()).check_queue(self._queue)  # before anything is made for it
        await declare_ladder(connection, self._ladder)
        intake = await self._intake(connection, pipeline)
        await intake.open()
        self._note_beginning()
        watching = asyncio.create_task(watch(connection, self._queue, lambda: pipeline.last_activity, INTERVAL))
        watching.add_done_callback(self._note_end)
        try:
            while not await self._is_worked_off(intake, pipeline, watching):
                await intake.open()
            self._stopping.begin("max-messages")
            pipeline.give_back()
            await pipeline.finish(self._grace)
        finally:
            self.since = None
            watching.cancel()
            pipeline.drop(intake.channel)

    async def _intake(self, connection: Connection, pipeline: Pipeline) -> Intake:
        return Intake(
            await connection.channel(),
            self._queue,
            pipeline,
            self._scope or self._scope_on(connection),
            self._report,
            prefetch=self._prefetch,
            prefetch_bytes=self._prefetch_bytes,
            quota=self._quota,
            on_redelivered=lambda delivery: self._delivery_count.look(delivery, asyncio.get_running_loop().time()),
            on_change=self._stopping.note_change,
        )

    def _scope_on(self, connection: Connection) -> str:
        cluster = connection.cluster_name
        if self._cluster not in (None, cluster):
            # Until the name of a cluster is set, each node tells one of its own, made of the node's.
            log.warning(
                "the broker calls its cluster %r, and before it was %r: what is done there is not known here. If it is "
                "one cluster, set its name (rabbitmqctl set_cluster_name) or give a dedup scope",
                cluster,
                self._cluster,
                extra={"queue": self._queue},
            )
        self._cluster = cluster
        return f"{cluster}/{connection.url.vhost}/{self._queue}"

    def _quota(self) -> int | None:
        """How many more messages may be taken in, all in all; None: any number."""
        return None if self._max_messages is None else self._max_messages - self._report.acknowledged

    def _note_beginning(self) -> None:
        if self.begun.is_set():
            self._report.reconnects += 1
            log.warning("consuming again from queue %r", self._queue, extra={"queue": self._queue})
        self.begun.set()
        self.since = asyncio.get_running_loop().time()

    def _note_end(self, watching: asyncio.Task[None]) -> None:
        if not watching.cancelled():
            watching.exception()  # retrieved, also when something else ends the connection first
        self._stopping.note_change()

    async def _is_worked_off(self, intake: Intake, pipeline: Pipeline, watching: asyncio.Task[None]) -> bool:
        """Work until stopping, or until the quota is in hand and settled; return whether that was enough.

        It was not if the messages were too large for the prefetch, if failed ones fill it, or if some of the quota had
        been counted before, and came again because its ack was lost.
        """

        async def until(condition: Callable[[], bool]) -> None:
            while not self._stopping.begun.is_set() and not condition():
                self._check(intake, pipeline, watching)
                if pipeline.failure.done():
                    self._stopping.begin("failure")
                else:
                    await self._stopping.next_change()

        await until(lambda: intake.is_full or intake.is_misfit or intake.is_clogged)
        await intake.close()
        intake.give_back()
        if intake.is_full:
            await until(lambda: pipeline.hand.is_settled)
        elif intake.is_misfit:
            intake.refit()
            await until(lambda: intake.has_room)
        return self._stopping.begun.is_set() or intake.is_full

    def _check(self, intake: Intake, pipeline: Pipeline, watching: asyncio.Task[None]) -> None:
        """Check that messages can come, and can be settled."""
        intake.check()
        if watching.done():
            watching.result()
        if pipeline.is_broken:
            raise pipeline.failure.result()
