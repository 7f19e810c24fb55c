"""A worker's figures as Prometheus metrics, collected when they are asked for."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any

from amqptool.extras import importing_for
from amqptool.handlers.python import BlockingHandler
from amqptool.handlers.wrapping import WrappingBlockingHandler, WrappingHandler

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from prometheus_client import Metric

    from amqptool.handlers.interface import Handler
    from amqptool.message import Delivery
    from amqptool.work.report import WorkReport
    from amqptool.work.status import WorkStatus

#: Upper bounds of the histogram of seconds in the handler.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

#: Counter → what it counts, and the field of the report.
_COUNTERS = {
    "amqptool_messages_received": ("Deliveries that came in, repeated ones included.", "received"),
    "amqptool_messages_done": ("Messages handled with success.", "handled"),
    "amqptool_messages_duplicates": ("Messages acknowledged without handling: their id was done.", "duplicates"),
    "amqptool_messages_retried": ("Failed messages passed on to wait for another attempt.", "retried"),
    "amqptool_messages_dead": ("Failed messages passed on to the dead-letter queue.", "dead"),
    "amqptool_messages_failed_attempts": ("Attempts that ended in an exception.", "failed_attempts"),
    "amqptool_messages_without_id": ("Messages handled without dedup: they carried no UUID.", "without_id"),
    "amqptool_messages_returned": ("Messages given back to their queue.", "returned"),
    "amqptool_messages_undecodable": ("Messages kept un-acked: their headers cannot be decoded.", "undecodable"),
    "amqptool_reconnects": ("Connections made anew after one was lost.", "reconnects"),
}
#: Gauge → what it shows, and the field of the status.
_GAUGES = {
    "amqptool_messages_in_flight": ("Un-acked messages on their way, without those held.", "in_flight"),
    "amqptool_messages_held": ("Un-acked messages that wait for another attempt or another worker.", "held"),
    "amqptool_prefetch": ("Un-acked messages that the broker hands out at most.", "prefetch"),
    "amqptool_connected": ("1 while connected and consuming.", "consuming"),
}


class HandlerSeconds:
    """A histogram of how long the handler takes, for any number of threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one call."""
        bucket = bisect_left(BOUNDS, seconds)
        with self._lock:
            self._counts[bucket] += 1
            self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Return the upper bounds, each with how many calls took no longer."""
        names = [*map(str, BOUNDS), "+Inf"]
        return list(zip(names, accumulate(self._counts), strict=True))


class TimedHandler(WrappingHandler):
    """Observes how long each call of an async handler takes, whatever comes of it."""

    def __init__(self, handler: Handler, seconds: HandlerSeconds) -> None:
        super().__init__(handler)
        self._seconds = seconds

    async def handle(self, delivery: Delivery) -> None:
        """Handle a delivery."""
        started = perf_counter()
        try:
            await self._handler.handle(delivery)
        finally:
            self._seconds.observe(perf_counter() - started)


class TimedBlockingHandler(WrappingBlockingHandler):
    """Observes how long each call of a blocking handler takes, and what that returned to be awaited."""

    def __init__(self, handler: BlockingHandler, seconds: HandlerSeconds) -> None:
        super().__init__(handler)
        self._seconds = seconds

    def call(self, *arguments: Any) -> Awaitable[object] | Exception | None:
        """Call the function."""
        started = perf_counter()
        ending = self._handler.call(*arguments)
        if ending is None or isinstance(ending, Exception):
            self._seconds.observe(perf_counter() - started)
            return ending
        return self._finish(ending, started)

    async def _finish(self, returned: Awaitable[object], started: float) -> None:
        try:
            await returned
        finally:
            self._seconds.observe(perf_counter() - started)


class WorkCollector:
    """Reads a worker's report and status whenever the registry asks."""

    def __init__(self, report: WorkReport, status: Callable[[], WorkStatus], seconds: HandlerSeconds) -> None:
        self._report = report
        self._status = status
        self._seconds = seconds

    def collect(self) -> Iterable[Metric]:
        """Yield every metric with its current value."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        status = self._status()
        queue = [status.queue]
        for name, (text, field) in _COUNTERS.items():
            counter = CounterMetricFamily(name, text, labels=["queue"])
            counter.add_metric(queue, getattr(self._report, field))
            yield counter
        for name, (text, field) in _GAUGES.items():
            gauge = GaugeMetricFamily(name, text, labels=["queue"])
            gauge.add_metric(queue, float(getattr(status, field)))
            yield gauge
        histogram = HistogramMetricFamily("amqptool_handler_seconds", "Seconds in the handler.", labels=["queue"])
        histogram.add_metric(queue, self._seconds.buckets(), self._seconds.total)
        yield histogram


class Metrics:
    """The metrics of one worker, in a registry of their own.

    Raises:
        ConfigError: the library is not installed.
    """

    def __init__(self, report: WorkReport, status: Callable[[], WorkStatus]) -> None:
        with importing_for("metrics", "metrics need"):
            from prometheus_client import CollectorRegistry
        self._seconds = HandlerSeconds()
        self._registry = CollectorRegistry()
        self._registry.register(WorkCollector(report, status, self._seconds))

    def timed(self, handler: Handler | BlockingHandler) -> Handler | BlockingHandler:
        """Make a handler's calls part of the metrics."""
        if isinstance(handler, BlockingHandler):
            return TimedBlockingHandler(handler, self._seconds)
        return TimedHandler(handler, self._seconds)

    def text(self) -> bytes:
        """Write what the metrics are now, in Prometheus' text format."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)
