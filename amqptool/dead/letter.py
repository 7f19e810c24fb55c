"""A message in a dead-letter queue, what it tells of its death, and what to send to have it handled again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from amqptool.work.copies import HISTORY, ORIGINAL, QUEUE, is_set_aside

if TYPE_CHECKING:
    from datetime import datetime

    from amqptool.message import FieldValue, Message

#: What a quorum queue adds to what it delivers.
_QUEUES_OWN = ("x-delivery-count", "x-acquired-count")


@dataclass(frozen=True, slots=True)
class Failure:
    """One attempt that failed, or one death that RabbitMQ counted."""

    at: datetime | None
    what: str


@dataclass(frozen=True, slots=True)
class DeadLetter(ABC):
    """A message, and what is known of its death; it is read when it is asked for, since a replay asks for little."""

    #: As it lies in the queue.
    message: Message

    @property
    @abstractmethod
    def original(self) -> Message:
        """As its publisher sent it."""

    @property
    @abstractmethod
    def queue(self) -> str | None:
        """Where it died; None: it does not say."""

    @property
    @abstractmethod
    def reason(self) -> str:
        """Ours: `failed`, `rejected`, `missing-id`, `interrupted`.

        RabbitMQ's: `rejected`, `expired`, `maxlen`, `delivery_limit`.
        """

    @property
    @abstractmethod
    def at(self) -> datetime | None:
        """When it died; None: it does not say."""

    @property
    @abstractmethod
    def history(self) -> tuple[Failure, ...]:
        """What failed before, and last."""

    @property
    def error(self) -> str | None:
        """The whole text of the last error."""
        return None

    @property
    def traceback(self) -> str | None:
        """The end of the last error's traceback."""
        return None

    @property
    def error_kind(self) -> str | None:
        """The kind of the last error."""
        return parts_of(self.error)[0]

    def back(self) -> Message | None:
        """Return what to send to the queue where it died, through the default exchange; None: it does not say where.

        Exchange, routing key and what else a message to a queue cannot have stand in headers of ours, as in a copy
        that comes back, so that a worker gives its handler the original.
        """
        if self.queue is None:
            return None
        headers = {**_carried(self.message), QUEUE: self.queue, ORIGINAL: self._set_aside()}
        history = self.message.headers.get(HISTORY)
        return replace(
            self.message,
            exchange="",
            routing_key=self.queue,
            expiration=None,
            user_id=None,
            persistent=True,
            headers=headers if history is None else {**headers, HISTORY: history},
        )

    def sent_to(self, exchange: str | None, routing_key: str | None) -> Message:
        """Return what to send to an exchange, by a routing key, and nowhere else; None: those of the original."""
        original = self.original
        return replace(
            original,
            exchange=original.exchange if exchange is None else exchange,
            routing_key=original.routing_key if routing_key is None else routing_key,
            expiration=None,
            user_id=None,
            headers=_carried(original),
        )

    @abstractmethod
    def _set_aside(self) -> FieldValue:
        """Return what the original has, and a message to a queue cannot have."""


def parts_of(error: str | None) -> tuple[str | None, str | None]:
    """Return the kind and the message of an error, by its whole text; one that says nothing has its kind for both."""
    if not error:
        return None, None
    kind, _, message = error.partition(":")
    return kind, message.removeprefix(" ") or kind


def published(message: Message) -> Message:
    """Return a message without what its queue has added."""
    headers = {name: value for name, value in message.headers.items() if name not in _QUEUES_OWN}
    return replace(message, headers=headers)


def _carried(message: Message) -> dict[str, FieldValue]:
    """Return the headers that a message to a queue can have."""
    headers = message.headers.items()
    return {name: value for name, value in headers if name not in _QUEUES_OWN and not is_set_aside(name)}
