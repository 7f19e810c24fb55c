"""Handling within a trace: a message that names one is handled in a span of it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from amqptool.handlers.interface import Reject, StopWork
from amqptool.handlers.python import BlockingHandler
from amqptool.handlers.wrapping import WrappingBlockingHandler, WrappingHandler
from amqptool.tracing import find_tracing
from amqptool.work.ladder import DeadLetter
from amqptool.work.outcomes import asked_delay

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

    from amqptool.handlers.interface import Handler
    from amqptool.message import Delivery
    from amqptool.tracing.spans import Span, Tracing
    from amqptool.work.ladder import Ladder


def traced(handler: Handler | BlockingHandler, ladder: Ladder) -> Handler | BlockingHandler:
    """Make a handler whose calls are part of their messages' traces, if OpenTelemetry is installed.

    Their spans tell where the ladder leads a message that has failed.
    """
    tracing = find_tracing()
    if tracing is None:
        return handler
    spans = _Spans(tracing, ladder)
    return (
        TracedBlockingHandler(handler, spans) if isinstance(handler, BlockingHandler) else TracedHandler(handler, spans)
    )


class _Spans:
    """The spans of one handler's calls."""

    def __init__(self, tracing: Tracing, ladder: Ladder) -> None:
        self._ladder = ladder
        self.begin = tracing.of_process

    def end(self, span: Span, delivery: Delivery, error: BaseException | None) -> None:
        """End a span as its call has ended."""
        if isinstance(error, Exception) and not isinstance(error, StopWork):
            step = self._ladder.step(delivery.attempt, rejected=isinstance(error, Reject), after=asked_delay(error))
            if step is not None:
                span.add_event("dead letter" if isinstance(step, DeadLetter) else "retry", step.queue)
        span.end(error)

    @contextmanager
    def around(self, span: Span, delivery: Delivery) -> Iterator[None]:
        """Let the block be part of a span, which ends with it."""
        try:
            with span.active():
                yield
        except BaseException as error:
            self.end(span, delivery, error)
            raise
        self.end(span, delivery, None)


class TracedHandler(WrappingHandler):
    """Awaits an async handler within the trace of its message."""

    def __init__(self, handler: Handler, spans: _Spans) -> None:
        super().__init__(handler)
        self._spans = spans

    async def handle(self, delivery: Delivery) -> None:
        """Handle a delivery."""
        span = self._spans.begin(delivery)
        if span is None:
            await self._handler.handle(delivery)
            return
        with self._spans.around(span, delivery):
            await self._handler.handle(delivery)


class TracedBlockingHandler(WrappingBlockingHandler):
    """Calls a blocking handler within the trace of its message, and awaits what that returned to be awaited."""

    def __init__(self, handler: BlockingHandler, spans: _Spans) -> None:
        super().__init__(handler)
        self._spans = spans

    def call(self, *arguments: Any) -> Awaitable[object] | Exception | None:
        """Call the function with the delivery, which is the first argument."""
        delivery: Delivery = arguments[0]
        span = self._spans.begin(delivery)
        if span is None:
            return self._handler.call(*arguments)
        with span.active():
            ending = self._handler.call(*arguments)
        if ending is None or isinstance(ending, Exception):
            self._spans.end(span, delivery, ending)
            return ending
        return self._finish(ending, span, delivery)

    async def _finish(self, returned: Awaitable[object], span: Span, delivery: Delivery) -> None:
        with self._spans.around(span, delivery):
            await returned
