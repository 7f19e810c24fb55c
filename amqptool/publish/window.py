"""The messages between their publish and their confirm: pure bookkeeping, no clock and no I/O.

On a channel in confirm mode the broker numbers publishes from 1 and settles each number once, in any
order, one at a time or all up to a number (RabbitMQ, "Consumer Acknowledgements and Publisher
Confirms"). A mandatory message that no queue took comes back before it is acked, without its number:
it is found again by what it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amqptool.message import Message, Returned

T = TypeVar("T")

#: How many messages, and how many bytes of bodies, may be in flight. 2,000 messages cost 12 % of the speed.
MAX_MESSAGES = 10_000
MAX_BYTES = 32 * 1024 * 1024


@dataclass(slots=True)
class InFlight(Generic[T]):
    """One unconfirmed message; `ticket` is whatever the owner wants back with the outcome."""

    message: Message
    ticket: T
    #: Seconds of the owner's clock, as given to `add`.
    sent_at: float
    returned: Returned | None = None


class Window(Generic[T]):
    """The unconfirmed messages of one channel, oldest first."""

    def __init__(self, max_messages: int = MAX_MESSAGES, max_bytes: int = MAX_BYTES) -> None:
        self.max_messages = max_messages
        self.max_bytes = max_bytes
        self._in_flight: dict[int, InFlight[T]] = {}
        self._bytes = 0
        self._last_tag = 0
        self._last_returned = 0

    def __len__(self) -> int:
        return len(self._in_flight)

    @property
    def has_room(self) -> bool:
        """Whether another message may be sent; one message alone may exceed the bytes."""
        return len(self._in_flight) < self.max_messages and self._bytes < self.max_bytes

    @property
    def oldest_sent_at(self) -> float | None:
        """When the message that has waited longest was sent; None when nothing waits."""
        for entry in self._in_flight.values():
            return entry.sent_at
        return None

    def add(self, message: Message, ticket: T, now: float) -> None:
        """Count a message as sent; to be called in the order of publishing."""
        self._last_tag += 1
        self._in_flight[self._last_tag] = InFlight(message, ticket, now)
        self._bytes += len(message.body)

    def mark_returned(self, returned: Returned) -> bool:
        """Note that a message came back; the ack that follows will settle it.

        Returns False when no message in flight is the returned one.
        """
        for tag in self._search_order():
            entry = self._in_flight.get(tag)
            if entry and entry.returned is None and _same(entry.message, returned.message):
                entry.returned = returned
                self._last_returned = tag
                return True
        return False

    def settle(self, tag: int, *, multiple: bool) -> list[InFlight[T]]:
        """Take out what a confirm settles, oldest first.

        With `multiple`, everything up to and including the tag; tag 0 then means everything.

        Raises:
            KeyError: the broker confirmed something that is not in flight.
        """
        if not multiple:
            return [self._take(tag)]
        settled = []
        for known in self._in_flight:
            if tag and known > tag:
                break
            settled.append(known)
        return [self._take(known) for known in settled]

    def drain(self) -> list[InFlight[T]]:
        """Take out everything: the channel is gone, and with it all hope of confirms."""
        return self.settle(0, multiple=True)

    def _take(self, tag: int) -> InFlight[T]:
        entry = self._in_flight.pop(tag)
        self._bytes -= len(entry.message.body)
        return entry

    def _search_order(self) -> Iterator[int]:
        # The broker returns in the order of publishing: going on from the last one found makes the
        # whole search linear, even when every second message of a full window comes back.
        oldest = next(iter(self._in_flight), self._last_tag + 1)
        yield from range(max(self._last_returned + 1, oldest), self._last_tag + 1)
        yield from range(oldest, self._last_returned + 1)


def _same(sent: Message, returned: Message) -> bool:
    return (
        sent.message_id == returned.message_id
        and sent.routing_key == returned.routing_key
        and sent.exchange == returned.exchange
        and sent.body == returned.body
    )
