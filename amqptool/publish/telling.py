"""Messages that tell of the trace that they are part of, where nobody makes spans of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from amqptool.tracing import TRACE_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amqptool.publish.making import MakeMessage, SourcedMessage

_HEADERS = frozenset(name.lower() for name in TRACE_VARIABLES)


def telling(make: MakeMessage, trace_context: Mapping[str, str]) -> MakeMessage:
    """Make the same messages, with a trace context in the headers of those that have none of their own."""

    def make_telling(number: int, name: str, body: bytes) -> SourcedMessage:
        message = make(number, name, body)
        if not _HEADERS.isdisjoint(message.headers):
            return message
        return replace(message, headers={**message.headers, **trace_context})

    return make_telling
