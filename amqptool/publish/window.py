"""The messages between their publish and their outcome: pure bookkeeping, no clock and no I/O.

On a channel in confirm mode the broker numbers publishes from 1 and settles each number once, in any
order, one at a time or all up to a number (RabbitMQ, "Consumer Acknowledgements and Publisher
Confirms"). A mandatory message that no queue took comes back before it is acked, without its number:
it is found again by what it is.

A message whose confirm will not come, or that was refused for now, is held until it is sent again.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amqptool.message import Message, Returned

T = TypeVar("T")

#: How many messages, and how many bytes of bodies and headers, may be in flight. 2,000 messages cost 12 % of the speed.
MAX_MESSAGES = 10_000
MAX_BYTES = 32 * 1024 * 1024


@dataclass(slots=True)
class InFlight(Generic[T]):
    """One message without an outcome; `ticket` is whatever the owner wants back with it."""

    message: Message
    ticket: T
    #: Counts all messages in the order of their first publish.
    number: int
    #: What it counts for, in bytes.
    size: int
    #: Seconds of the owner's clock, as given to `add` and `resend`.
    first_sent_at: float
    sent_at: float
    returned: Returned | None = None
    sends: int = 1
    nacks: int = 0
    #: Since when it is not known whether the broker has it.
    in_doubt_since: float | None = None
    #: Perhaps what made the broker close the channel: to be sent with nothing else in flight.
    suspect: bool = False


class Window(Generic[T]):
    """The messages of one channel in flight, oldest first, and those held until they are sent again."""

    def __init__(self, max_messages: int = MAX_MESSAGES, max_bytes: int = MAX_BYTES) -> None:
        self.max_messages = max_messages
        self.max_bytes = max_bytes
        self._in_flight: dict[int, InFlight[T]] = {}
        self._held: list[tuple[float, int, InFlight[T]]] = []
        self._bytes = 0
        self._last_tag = 0
        self._last_number = 0
        self._last_returned = 0

    def __len__(self) -> int:
        return len(self._in_flight) + len(self._held)

    @property
    def in_flight(self) -> int:
        """How many messages wait for their confirm."""
        return len(self._in_flight)

    @property
    def has_room(self) -> bool:
        """Whether another message may be sent; one message alone may exceed the bytes."""
        return len(self._in_flight) + len(self._held) < self.max_messages and self._bytes < self.max_bytes

    @property
    def oldest_sent_at(self) -> float | None:
        """When the message that has waited longest for its confirm was sent; None when nothing waits."""
        for entry in self._in_flight.values():
            return entry.sent_at
        return None

    @property
    def next_due(self) -> float | None:
        """When the next held message is to be sent again; None when nothing is held."""
        return self._held[0][0] if self._held else None

    def add(self, message: Message, ticket: T, now: float, header_bytes: int = 0) -> None:
        """Count a message as sent; to be called in the order of publishing."""
        self._last_tag += 1
        self._last_number += 1
        size = len(message.body) + header_bytes
        self._in_flight[self._last_tag] = InFlight(message, ticket, self._last_number, size, now, now)
        self._bytes += size

    def resend(self, entry: InFlight[T], now: float) -> None:
        """Count a message that had been taken out as sent once more."""
        self._last_tag += 1
        entry.sent_at, entry.returned = now, None
        entry.sends += 1
        self._in_flight[self._last_tag] = entry
        self._bytes += entry.size

    def hold(self, entry: InFlight[T], due: float) -> None:
        """Keep a message that had been taken out until it is due; of those due alike, the oldest goes first."""
        heappush(self._held, (due, entry.number, entry))
        self._bytes += entry.size

    def first_held(self, now: float) -> InFlight[T] | None:
        """Return the first message that is due, without taking it out."""
        return self._held[0][2] if self._held and self._held[0][0] <= now else None

    def take_held(self) -> InFlight[T]:
        """Take out the first held message."""
        _, _, entry = heappop(self._held)
        self._bytes -= entry.size
        return entry

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
            KeyError: the broker confirmed something that was not sent, or that it had confirmed before.
        """
        if not multiple:
            return [self._take(tag)]
        if tag > self._last_tag:
            raise KeyError(tag)
        settled = []
        for known in self._in_flight:
            if tag and known > tag:
                break
            settled.append(known)
        return [self._take(known) for known in settled]

    def lose_channel(self) -> list[InFlight[T]]:
        """Take out everything in flight, oldest first, and start counting anew: the channel is gone."""
        lost = self.settle(0, multiple=True)
        self._last_tag = self._last_returned = 0
        return lost

    def drain(self) -> list[InFlight[T]]:
        """Take out everything, in flight or held, in the order of the first publish."""
        entries = self.lose_channel()
        while self._held:
            entries.append(self.take_held())
        return sorted(entries, key=lambda entry: entry.number)

    def _take(self, tag: int) -> InFlight[T]:
        entry = self._in_flight.pop(tag)
        self._bytes -= entry.size
        return entry

    def _search_order(self) -> Iterator[int]:
        # The broker returns in the order of publishing: going on from the last one found makes the
        # whole search linear, even when every second message of a full window comes back.
        oldest = next(iter(self._in_flight), self._last_tag + 1)
        yield from range(max(self._last_returned + 1, oldest), self._last_tag + 1)
        yield from range(oldest, self._last_returned + 1)


def _same(sent: Message, returned: Message) -> bool:
    return sent.body == returned.body and _names(sent) == _names(returned)


def _names(message: Message) -> list[bytes | None]:
    # As they go over the wire: escaped bytes (PEP 383) that are UTF-8 together come back as text.
    texts = (message.message_id, message.routing_key, message.exchange)
    return [None if text is None else text.encode("utf-8", "surrogateescape") for text in texts]


def size_of(message: Message) -> int:
    """Return the bytes of a message's body."""
    try:
        return len(message.body)
    except TypeError:  # a body of another type is refused later, in the publisher's words
        return 0
