"""What happens to a publisher as a whole, for logs and progress bars."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

EventName: TypeAlias = Literal["blocked", "unblocked", "lost", "reconnected", "retrying", "given up"]


@dataclass(frozen=True, slots=True)
class PublisherEvent:
    """A change that every message in flight is concerned by."""

    name: EventName
    #: A line for people; names of exchanges and the broker's words are in it as they came.
    text: str


class Events:
    """Tells each event once, in the log and to whoever wants to hear it."""

    def __init__(self, on_event: Callable[[PublisherEvent], object] | None) -> None:
        self._on_event = on_event

    def tell(self, name: EventName, text: str) -> None:
        """Tell one event; the listener is called by the loop, so that its errors are its own."""
        log.warning("%s", text)
        if self._on_event is not None:
            asyncio.get_running_loop().call_soon(self._on_event, PublisherEvent(name, text))
