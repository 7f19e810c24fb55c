"""Reading what a message in a dead-letter queue tells of its death: in headers of ours, or in those of RabbitMQ.

RabbitMQ writes `x-death`, a table for each queue and reason, the latest first, and `x-first-death-*`
(https://www.rabbitmq.com/docs/dlx#effects). A message of ours that RabbitMQ has moved on since, as when it expired in
a dead-letter queue, still tells of the death that a worker has seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from amqptool.dead.letter import DeadLetter, Failure, published
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


def read(message: Message) -> DeadLetter:
    """Read what a message tells of its death."""
    if isinstance(message.headers.get(REASON), str):
        return _Failed(message)
    return _Ended(message) if _has_died_as_a_copy(message) else _Dropped(message)


def _has_died_as_a_copy(message: Message) -> bool:
    """Return whether it came back to its queue for another attempt, and the broker has ended it there."""
    queue = message.headers.get(QUEUE)
    return isinstance(queue, str) and any(death.get("queue") == queue for death in _deaths(message)[:1])


@dataclass(frozen=True, slots=True)
class _Copy(DeadLetter):
    """What a worker has sent, to wait or to be dead."""

    @property
    def original(self) -> Message:
        return published(self.message if self.queue is None else original_of(self.message, self.queue)[0])

    @property
    def queue(self) -> str | None:
        return _text(self.message.headers.get(QUEUE))

    @property
    def error(self) -> str | None:
        return _text(self.message.headers.get(ERROR))

    @property
    def history(self) -> tuple[Failure, ...]:
        return tuple(map(_attempt, self._attempts))

    @property
    def _attempts(self) -> list[dict[str, Any]]:
        return _tables(self.message.headers.get(HISTORY))

    def _set_aside(self) -> FieldValue:
        aside = self.message.headers.get(ORIGINAL)
        return aside if isinstance(aside, dict) else {}


@dataclass(frozen=True, slots=True)
class _Failed(_Copy):
    """What a worker has given up."""

    @property
    def reason(self) -> str:
        return str(self.message.headers[REASON])

    @property
    def traceback(self) -> str | None:
        return _text(self.message.headers.get(TRACEBACK))

    @property
    def at(self) -> datetime | None:
        return _time(self._attempts[-1].get("at")) if self._attempts else None


@dataclass(frozen=True, slots=True)
class _Ended(_Copy):
    """What came back for another attempt, and was ended by the broker."""

    @property
    def reason(self) -> str:
        return _text(self._death.get("reason")) or UNKNOWN

    @property
    def at(self) -> datetime | None:
        return _time(self._death.get("time"))

    @property
    def history(self) -> tuple[Failure, ...]:
        return (*map(_attempt, self._attempts), _death(self._death))

    @property
    def _death(self) -> dict[str, Any]:
        return _deaths(self.message)[0]


@dataclass(frozen=True, slots=True)
class _Dropped(DeadLetter):
    """What the broker has ended."""

    @property
    def original(self) -> Message:
        return _before(self.message, self._first)

    @property
    def queue(self) -> str | None:
        return _text(self._first.get("queue"))

    @property
    def reason(self) -> str:
        return _text(self._first.get("reason")) or UNKNOWN

    @property
    def at(self) -> datetime | None:
        deaths = _deaths(self.message)
        return _time(deaths[0].get("time")) if deaths else None

    @property
    def history(self) -> tuple[Failure, ...]:
        return tuple(map(_death, reversed(_deaths(self.message))))

    @property
    def _first(self) -> dict[str, Any]:
        return _first_of(_deaths(self.message), self.message)

    def _set_aside(self) -> FieldValue:
        return set_aside(self.original)


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
    return published(
        replace(
            message,
            exchange=_text(death.get("exchange", message.exchange)) or "",
            routing_key=_text(key) or "",
            expiration=_text(death.get("original-expiration", message.expiration)),
            headers=headers,
        )
    )


def _attempt(told: Mapping[str, Any]) -> Failure:
    return Failure(_time(told.get("at")), f"attempt {told.get('attempt', '?')}: {_text(told.get('error')) or '?'}")


def _death(told: Mapping[str, Any]) -> Failure:
    count = told.get("count", 1)
    times = "" if count == 1 else f", {count} times"
    return Failure(_time(told.get("time")), f"{_text(told.get('reason')) or UNKNOWN} in {told.get('queue')!r}{times}")


def _tables(value: FieldValue | None) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _time(value: object) -> datetime | None:
    return value.astimezone(UTC) if isinstance(value, datetime) else None
