"""A model of a broker's queues and of a consumer's channel, for the state machine of tests/work/test_machine.py.

It is no broker to test behaviour with: for that there are real ones. It makes one thing possible that these do not:
to choose each order of events, and to find the shortest one in which a promise is broken.
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from amqptool.broker.amqp.acks import Unsettled
from amqptool.message import Delivery, Message


@dataclass(eq=False)
class Copy:
    """A message in a queue, at its place there."""

    message: Message
    place: int
    redelivered: bool = False


@dataclass(eq=False)
class ModelBroker:
    """Queues, each of which holds what nobody has acknowledged."""

    ready: dict[str, list[Copy]] = field(default_factory=lambda: defaultdict(list))
    channels: list[ModelChannel] = field(default_factory=list)
    _places: Iterator[int] = field(default_factory=count)

    def publish(self, message: Message) -> None:
        """Put a message into the queue that its routing key names."""
        self.ready[message.routing_key].append(Copy(message, next(self._places)))

    def move(self, copy: Copy, source: str, target: str) -> None:
        """Move a message to another queue, as a dead-letter exchange does."""
        self.ready[source].remove(copy)
        self.publish(replace(copy.message, routing_key=target))

    def copies(self) -> list[Copy]:
        """Return all that there are, delivered or not."""
        queues = [*self.ready.values(), *(channel.unacked.values() for channel in self.channels)]
        return [copy for queue in queues for copy in queue]


class ModelChannel:
    """As much of a `Channel` as a pipeline uses, with one consumer of one queue.

    What is acknowledged and returned counts once the broker has read it.
    """

    def __init__(self, broker: ModelBroker, queue: str, on_ack: Callable[[Message], None]) -> None:
        self.is_open = True
        #: What the broker has delivered here, and whose ack it has not read.
        self.unacked: dict[int, Copy] = {}
        self._broker = broker
        self._queue = queue
        self._on_ack = on_ack
        self._tags = count(1)
        self._unsettled = Unsettled()
        self._written: list[tuple[int, bool, bool]] = []
        broker.channels.append(self)

    def deliver(self) -> Delivery:
        """Take the queue's first message."""
        copy, tag = self._broker.ready[self._queue].pop(0), next(self._tags)
        self.unacked[tag] = copy
        self._unsettled.add(tag)
        return Delivery(message=copy.message, queue=self._queue, delivery_tag=tag, redelivered=copy.redelivered)

    def ack(self, *delivery_tags: int) -> None:
        """Acknowledge deliveries."""
        self._settle(delivery_tags, requeue=False)

    def requeue(self, *delivery_tags: int) -> None:
        """Give deliveries back to their queue."""
        self._settle(delivery_tags, requeue=True)

    def flush(self) -> None:
        """Send what was written; when it arrives is up to the test."""

    def read(self) -> None:
        """Let the broker read what was written."""
        written, self._written = self._written, []
        for tag, multiple, requeue in written:
            for settled in [each for each in self.unacked if (each <= tag if multiple else each == tag)]:
                copy = self.unacked.pop(settled)
                if requeue:
                    self._put_back(copy)

    def close(self) -> None:
        """Lose the channel, with all that the broker has not read of it."""
        self.is_open = False
        self._broker.channels.remove(self)
        for copy in self.unacked.values():
            self._put_back(copy)
        self.unacked.clear()

    def _settle(self, delivery_tags: tuple[int, ...], *, requeue: bool) -> None:
        if not self.is_open:
            return
        if not requeue:
            for tag in self.unacked.keys() & set(delivery_tags):
                self._on_ack(self.unacked[tag].message)
        self._written += [(tag, multiple, requeue) for tag, multiple in self._unsettled.settle(delivery_tags)]

    def _put_back(self, copy: Copy) -> None:
        copy.redelivered = True
        insort(self._broker.ready[self._queue], copy, key=lambda each: each.place)
