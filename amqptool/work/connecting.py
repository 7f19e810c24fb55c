"""A worker's connections: one after the other, each to any of the hosts, until it is time to stop."""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING

from amqptool.backoff import Backoff
from amqptool.broker.amqp import Connection, connect_to_any
from amqptool.errors import BrokerUnavailable, ConfigError, PreconditionFailed
from amqptool.waiting import unless
from amqptool.work.one_cluster import check_one_cluster

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from amqptool.broker.amqp import Hosts
    from amqptool.work.consuming import Consuming
    from amqptool.work.pipeline import Pipeline
    from amqptool.work.report import WorkReport
    from amqptool.work.stopping import Stopping

log = logging.getLogger(__name__)

#: Seconds before a further attempt to connect again.
BACKOFF = Backoff(first=0.2, longest=5.0)


class Connecting:
    """Connects for a consumer on a queue, and again whenever that ends.

    If what is done `goes_by_cluster`, several hosts have to be of one.
    """

    def __init__(
        self,
        hosts: Hosts,
        queue: str,
        consuming: Consuming,
        stopping: Stopping,
        report: WorkReport,
        *,
        goes_by_cluster: bool,
    ) -> None:
        self._hosts = hosts
        self._queue = queue
        self._consuming = consuming
        self._stopping = stopping
        self._report = report
        self._goes_by_cluster = goes_by_cluster

    async def work_off(self, pipeline: Pipeline) -> None:
        """Have the queue worked off until stopping; a lost connection is no end, but for the first.

        Raises:
            BrokerUnavailable: the first connection failed.
            AccessRefused: the broker refused the credentials, the vhost or the queue.
            ConfigError: TLS failed, or several hosts tell different names of their cluster.
            NotFound: the queue does not exist, or does not exist any more.
            DedupError: the store stayed broken.
        """
        if self._goes_by_cluster:
            await unless(self._stopping.begun, self._check_cluster())
        told: int | None = None  # how often it had consumed again when a failure was told last
        async for _ in self._attempts():
            try:
                await self._connect_and_consume(pipeline)
            except (BrokerUnavailable, PreconditionFailed) as error:
                if not self._consuming.begun.is_set():
                    raise
                level = logging.INFO if told == self._report.reconnects else logging.WARNING
                told = self._report.reconnects
                about = {"queue": self._queue, "error": type(error).__name__}
                log.log(level, "%s; connecting again", error, extra=about)

    async def _check_cluster(self) -> None:
        await self._hosts.refresh()
        if len(self._hosts) > 1:
            await check_one_cluster(self._hosts.urls)

    async def _connect_and_consume(self, pipeline: Pipeline) -> None:
        connection = await unless(self._stopping.begun, self._connect(), discard=Connection.abandon)
        if connection is None:
            return
        try:
            await self._consuming.work_off(connection, pipeline)
        except BrokerUnavailable:
            self._hosts.rotate()
            raise
        finally:
            await connection.close()

    async def _connect(self) -> Connection:
        try:
            return await connect_to_any(self._hosts, name=f"amqptool consume {self._queue}")
        except ConfigError as error:
            if not self._consuming.begun.is_set():
                raise
            raise BrokerUnavailable(str(error)) from error  # as while a certificate is being renewed

    async def _attempts(self) -> AsyncIterator[None]:
        """Yield for each attempt to connect, pausing longer after each in a row that brought nothing."""
        failures = 0
        while not self._stopping.begun.is_set():
            before = self._report.received
            yield
            failures = failures + 1 if self._report.received == before else 0
            pause = BACKOFF.after(failures + 1, random.random())  # noqa: S311  # jitter, no secret
            await self._stopping.pause(pause)
