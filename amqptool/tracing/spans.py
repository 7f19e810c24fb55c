"""The seam to OpenTelemetry, of which only the API is used: whoever wants the spans sets up an SDK.

Names and attributes are those of its semantic conventions for RabbitMQ. A routing key can be another one for each
message, so it is no part of a span's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from opentelemetry import context as contexts
from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from amqptool import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from opentelemetry.context import Context
    from opentelemetry.util.types import AttributeValue

    from amqptool.message import Delivery, Message


class Tracing:
    """Makes the spans of one publisher or worker."""

    def __init__(self) -> None:
        # Which asks for the provider that is there by then.
        self._tracer = trace.get_tracer("amqptool", __version__)
        #: The headers in which a context comes.
        self._names = frozenset(propagate.get_global_textmap().fields)

    @staticmethod
    def active_context() -> dict[str, str]:
        """Return the headers that tell of the span that is active here."""
        headers: dict[str, str] = {}
        propagate.inject(headers)
        return headers

    @staticmethod
    def within(context: Mapping[str, str]) -> AbstractContextManager[None]:
        """Let what is done in a block be part of the trace that a context of the W3C names."""
        return _active(TraceContextTextMapPropagator().extract(context))

    @staticmethod
    def is_due(message: Message) -> bool:
        """Whether a message that is published here is part of a trace, and does not say so itself."""
        here = contexts.get_current()  # mostly empty, which takes a fraction of the time that asking for a span takes
        if not (here and trace.get_current_span(here).get_span_context().is_valid):
            return False
        headers = message.headers
        return isinstance(headers, Mapping) and propagate.get_global_textmap().fields.isdisjoint(headers)

    def of_publish(self, message: Message) -> Span:
        """Begin the span of publishing a message, within the one that is active."""
        return self._begin(
            f"publish {message.exchange or message.routing_key}",
            SpanKind.PRODUCER,
            contexts.get_current(),
            {
                "messaging.operation.name": "publish",
                "messaging.operation.type": "send",
                "messaging.destination.name": _joined(message.exchange, message.routing_key) or "amq.default",
                **_about(message),
            },
        )

    def of_process(self, delivery: Delivery) -> Span | None:
        """Begin the span of handling a delivery, within the trace of its headers; None if they name none."""
        message = delivery.message
        if self._names.isdisjoint(message.headers):
            return None
        # Text alone: whatever else a sender has put there, propagators do not expect.
        told = {
            name: value
            for name in self._names
            if isinstance(value := message.headers.get(name), str) and value.isascii()
        }
        parent = propagate.extract(told, contexts.Context())
        if not trace.get_current_span(parent).get_span_context().is_valid:
            return None
        key = "" if message.routing_key == delivery.queue else message.routing_key
        return self._begin(
            f"process {delivery.queue}",
            SpanKind.CONSUMER,
            parent,
            {
                "messaging.operation.name": "process",
                "messaging.operation.type": "process",
                "messaging.destination.name": _joined(message.exchange, key, delivery.queue),
                "messaging.rabbitmq.message.delivery_tag": delivery.delivery_tag,
                "amqptool.attempt": delivery.attempt,
                **_about(message),
            },
        )

    def _begin(self, name: str, kind: SpanKind, parent: Context, attributes: dict[str, AttributeValue]) -> Span:
        span = self._tracer.start_span(name, parent, kind, {"messaging.system": "rabbitmq", **attributes})
        if not span.get_span_context().is_valid:  # as some APIs have it without an SDK
            return Span(span, parent)
        return Span(span, trace.set_span_in_context(span, parent))


class Span:
    """A span that begins in one place and ends in another."""

    def __init__(self, span: trace.Span, context: Context) -> None:
        self._span = span
        self._context = context

    def headers(self) -> dict[str, str]:
        """Return the headers that tell of it."""
        headers: dict[str, str] = {}
        propagate.inject(headers, self._context)
        return headers

    def active(self) -> AbstractContextManager[None]:
        """Let what is done in a block be part of it."""
        return _active(self._context)

    def add_event(self, name: str, queue: str) -> None:
        """Note that its message goes to a queue."""
        self._span.add_event(name, {"messaging.destination.name": queue})

    def end(self, error: BaseException | None = None) -> None:
        """End it, with the error in which its operation has ended; what comes after its end does not count."""
        if error is not None and self._span.is_recording():
            self._span.set_attribute("error.type", type(error).__qualname__)
            self._span.set_status(StatusCode.ERROR)
            with suppress(Exception):  # of an error whose text cannot be had
                self._span.set_status(StatusCode.ERROR, str(error))
                self._span.record_exception(error)
        if self._span.is_recording():
            self._span.end()


@contextmanager
def _active(context: Context) -> Iterator[None]:
    token = contexts.attach(context)
    try:
        yield
    finally:
        contexts.detach(token)


def _joined(*names: str) -> str:
    return ":".join(name for name in names if name)


def _about(message: Message) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue | None] = {
        "messaging.rabbitmq.destination.routing_key": message.routing_key or None,
        "messaging.message.id": message.message_id,
        "messaging.message.conversation_id": message.correlation_id,
        "messaging.message.body.size": len(message.body),
    }
    return {name: value for name, value in attributes.items() if value is not None}
