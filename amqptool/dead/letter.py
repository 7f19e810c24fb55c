"""What a message in a dead-letter queue tells of its death: in headers of ours, or in those of RabbitMQ.

RabbitMQ writes `x-death`, a table for each queue and reason, the latest first, and `x-first-death-*`
(https://www.rabbitmq.com/docs/dlx#effects). A message of ours that RabbitMQ has moved on since, as when it expired in
a dead-letter queue, still tells of the death that a worker has seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from amqptool.work.copies import (
    ERROR,
    HISTORY,
    ORIGINAL,
    QUEUE,
    REASON,
    TRACEBACK,
    is_set_aside,
    original_of,
    set_aside,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from amqptool.message import FieldValue, Message

#: What a message that tells nothing died of.
UNKNOWN = "unknown"
_DEATHS = "x-death"
#: What a quorum queue adds to what it delivers.
_QUEUES_OWN = ("x-delivery-count", "x-acquired-count")


@dataclass(frozen=True, slots=True)
class Failure:
    """One attempt that failed, or one death that RabbitMQ counted."""

    at: datetime | None
    what: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message, and what is known of its death."""

    #: As it lies in the queue.
    message: Message
    #: As its publisher sent it.
    original: Message
    #: Where it died; None: it does not say.
    queue: str | None
    #: Ours: `failed`, `rejected`, `missing-id`, `interrupted`; RabbitMQ's: `rejected`, `expired`, `maxlen`,
    #: `delivery_limit`.
    reason: str
    #: The kind of the last error, and the whole of its text.
    error_kind: str | None
    error: str | None
    traceback: str | None
    at: datetime | None
    history: tuple[Failure, ...]

    def back(self) -> Message | None:
        """Return what to send to the queue where it died, through the default exchange; None: it does not say where.

        Exchange, routing key and what else a message to a queue cannot have stand in headers of ours, as in a copy
        that comes back, so that a worker gives its handler the original.
        """
        if self.queue is None:
            return None
        headers = {name: value for name, value in self.original.headers.items() if not is_set_aside(name)}
        history = self.message.headers.get(HISTORY)
        headers |= {QUEUE: self.queue, ORIGINAL: set_aside(self.original)}
        return replace(
            self.original,
            exchange="",
            routing_key=self.queue,
            expiration=None,
            user_id=None,
            persistent=True,
            headers=headers | ({} if history is None else {HISTORY: history}),
        )

    def sent_to(self, exchange: str | None, routing_key: str | None) -> Message:
        """Return what to send to an exchange, by a routing key, and nowhere else; None: those of the original."""
        headers = {name: value for name, value in self.original.headers.items() if not is_set_aside(name)}
        return replace(
            self.original,
            exchange=self.original.exchange if exchange is None else exchange,
            routing_key=self.original.routing_key if routing_key is None else routing_key,
            expiration=None,
            user_id=None,
            headers=headers,
        )


def read(message: Message) -> DeadLetter:
    """Read what a message tells of its death."""
    if isinstance(message.headers.get(REASON), str):
        return _ours(message)
    return _copys(message) if _has_died_as_a_copy(message) else _rabbitmqs(message)


def _has_died_as_a_copy(message: Message) -> bool:
    """Return whether it came back to its queue for another attempt, and the broker has ended it there."""
    queue = message.headers.get(QUEUE)
    return isinstance(queue, str) and any(death.get("queue") == queue for death in _deaths(message)[:1])


def _copys(message: Message) -> DeadLetter:
    [death, *_] = _deaths(message)
    queue = str(death["queue"])
    attempts = tuple(map(_attempt, _tables(message.headers.get(HISTORY))))
    error = _text(message.headers.get(ERROR))
    return DeadLetter(
        message=message,
        original=_published(original_of(message, queue)[0]),
        queue=queue,
        reason=_text(death.get("reason")) or UNKNOWN,
        error_kind=_kind(error),
        error=error,
        traceback=None,
        at=_time(death.get("time")),
        history=(*attempts, _death(death)),
    )


def _ours(message: Message) -> DeadLetter:
    headers = message.headers
    queue = headers.get(QUEUE)
    error = _text(headers.get(ERROR))
    history = tuple(map(_attempt, _tables(headers.get(HISTORY))))
    return DeadLetter(
        message=message,
        original=_published(original_of(message, queue)[0] if isinstance(queue, str) else message),
        queue=_text(queue),
        reason=str(headers[REASON]),
        error_kind=_kind(error),
        error=error,
        traceback=_text(headers.get(TRACEBACK)),
        at=history[-1].at if history else None,
        history=history,
    )


def _rabbitmqs(message: Message) -> DeadLetter:
    deaths = _deaths(message)
    first = _first_of(deaths, message)
    return DeadLetter(
        message=message,
        original=_before(message, first),
        queue=_text(first.get("queue")),
        reason=_text(first.get("reason")) or UNKNOWN,
        error_kind=None,
        error=None,
        traceback=None,
        at=_time(deaths[0].get("time")) if deaths else None,
        history=tuple(map(_death, reversed(deaths))),
    )


def _deaths(message: Message) -> list[dict[str, Any]]:
    return _tables(message.headers.get(_DEATHS))


def _first_of(deaths: Sequence[dict[str, Any]], message: Message) -> dict[str, Any]:
    """Return the first death, which comes to stand before others if it happens again, but is named."""
    named = {name: _text(message.headers.get(f"x-first-death-{name}")) for name in ("queue", "reason")}
    known = {name: text for name, text in named.items() if text is not None}
    same = (death for death in deaths if known and known.items() <= death.items())
    return next(same, {**(deaths[-1] if deaths else {}), **known})


def _before(message: Message, death: Mapping[str, Any]) -> Message:
    """Return a message as it was before its first death."""
    keys = death.get("routing-keys")
    key = keys[0] if isinstance(keys, list) and keys else message.routing_key
    headers = {name: value for name, value in message.headers.items() if name == "CC" or not is_set_aside(name)}
    return _published(
        replace(
            message,
            exchange=_text(death.get("exchange", message.exchange)) or "",
            routing_key=_text(key) or "",
            expiration=_text(death.get("original-expiration", message.expiration)),
            headers=headers,
        )
    )


def _published(message: Message) -> Message:
    headers = {name: value for name, value in message.headers.items() if name not in _QUEUES_OWN}
    return replace(message, headers=headers)


def _attempt(told: Mapping[str, Any]) -> Failure:
    return Failure(_time(told.get("at")), f"attempt {told.get('attempt', '?')}: {_text(told.get('error')) or '?'}")


def _death(told: Mapping[str, Any]) -> Failure:
    count = told.get("count", 1)
    times = "" if count == 1 else f", {count} times"
    return Failure(_time(told.get("time")), f"{_text(told.get('reason')) or UNKNOWN} in {told.get('queue')!r}{times}")


def _kind(error: str | None) -> str | None:
    return error.partition(":")[0] if error else None


def _tables(value: FieldValue | None) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _time(value: object) -> datetime | None:
    return value.astimezone(UTC) if isinstance(value, datetime) else None
