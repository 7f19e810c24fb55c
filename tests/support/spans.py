"""The spans of a test, by OpenTelemetry's own SDK."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


class Spans:
    """All spans that have ended."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        trace.set_tracer_provider(provider)

    def forget(self) -> None:
        """Forget them."""
        self._exporter.clear()

    def named(self, name: str) -> list[ReadableSpan]:
        """Return those of a name, in the order in which they ended."""
        return [span for span in self.ended() if span.name == name]

    def ended(self) -> tuple[ReadableSpan, ...]:
        """Return all."""
        return self._exporter.get_finished_spans()


@cache
def spans_of_the_process() -> Spans:
    """Set OpenTelemetry up, which can be done once."""
    return Spans()


@contextmanager
def active(name: str = "sale") -> Iterator[trace.SpanContext]:
    """Let the block be a span."""
    with trace.get_tracer("tests").start_as_current_span(name) as span:
        yield span.get_span_context()


def traceparent(context: trace.SpanContext | None) -> str:
    """Return the header that tells of a span."""
    assert context is not None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def parent_of(span: ReadableSpan) -> str:
    """Return the header that tells of a span's parent."""
    return traceparent(span.parent)
