"""The trace that a command is part of, as its environment says."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from amqptool.tracing import context_of, find_tracing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from amqptool.publish.making import MakeMessage


class GivenTrace:
    """The trace of TRACEPARENT and TRACESTATE, if there is one, for what a command publishes.

    With OpenTelemetry, each message has a span in it, as a program's have; without, each has the context itself.

    Raises:
        ConfigError: OpenTelemetry's own settings in the environment are wrong.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._context = context_of(environ)
        self._tracing = find_tracing() if self._context else None

    @property
    def has_spans(self) -> bool:
        """Whether a publisher makes the spans."""
        return self._tracing is not None

    def active(self) -> AbstractContextManager[None]:
        """Make what lets a block be part of it, for the spans."""
        return nullcontext() if self._tracing is None else self._tracing.within(self._context)

    def told_by(self, make: MakeMessage) -> MakeMessage:
        """Make messages that tell of it, as far as no span does."""
        if self.has_spans or not self._context:
            return make
        from amqptool.publish.telling import telling

        return telling(make, self._context)
