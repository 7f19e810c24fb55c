"""The traces that messages belong to: the W3C Trace Context in their headers, and spans by OpenTelemetry.

A trace is gone on with and never begun: what is published outside of every span, or came without a context, is no part
of one and costs nothing. Without OpenTelemetry, the context that a message came with is still told.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from amqptool.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amqptool.tracing.spans import Tracing

#: The trace that a process is part of (OpenTelemetry, "Environment Variables as Context Propagation Carriers").
TRACE_VARIABLES = ("TRACEPARENT", "TRACESTATE")

# W3C Trace Context, version 00; ids of zeros alone mean none.
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-((?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
# As much of it as everybody has to pass on, in visible characters.
_TRACESTATE = re.compile(r"[ -~]{1,512}")


def find_tracing() -> Tracing | None:
    """Return what makes spans, if OpenTelemetry is installed.

    Raises:
        ConfigError: its own settings in the environment are wrong.
    """
    try:
        from amqptool.tracing.spans import Tracing
    except ImportError:
        return None
    except ValueError as error:  # of OTEL_PROPAGATORS, which it reads when it is imported
        raise ConfigError(f"OpenTelemetry cannot be used: {error}") from error
    return Tracing()


def trace_id_in(headers: Mapping[str, object]) -> str | None:
    """Return the id of the trace that headers name."""
    parent = headers.get("traceparent")
    match = _TRACEPARENT.fullmatch(parent) if isinstance(parent, str) else None
    return match and match[1]


def context_in(headers: Mapping[str, object]) -> dict[str, str]:
    """Return the trace context that headers hold, as `traceparent` and `tracestate`; nothing of what is malformed."""
    if trace_id_in(headers) is None:
        return {}
    state = headers.get("tracestate")
    context = {"traceparent": str(headers["traceparent"])}
    return context | ({"tracestate": state} if isinstance(state, str) and _TRACESTATE.fullmatch(state) else {})


def context_of(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the trace context that an environment names, in the same form."""
    return context_in({name.lower(): environ[name] for name in TRACE_VARIABLES if name in environ})


def context_to_pass_on(headers: Mapping[str, object], tracing: Tracing | None) -> dict[str, str]:
    """Return the context of the span that is active here, or else of a message's headers, in the same form."""
    return (tracing and context_in(tracing.active_context())) or context_in(headers)
