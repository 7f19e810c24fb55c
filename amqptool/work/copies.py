"""The copy of a message that waits for its next attempt, or is dead, and back to what its publisher sent.

What would lead the copy astray is set aside under a name of ours: an expiration would end its waiting early, CC and
BCC would bring it to other queues too, a foreign user_id would have it refused, and a broker drops a message whose
`x-death` shows a cycle.
"""

from __future__ import annotations

import traceback
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from amqptool.handlers.interface import MissingId
from amqptool.work.ladder import DeadLetter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from amqptool.message import Delivery, FieldValue, Message
    from amqptool.work.ladder import Step

#: The queue where the message failed; a message that has it, and is in that queue, is a copy that came back.
QUEUE = "amqptool-queue"
#: Which attempt a copy that comes back is.
ATTEMPT = "amqptool-attempt"
#: Why it is dead: `failed` in its last attempt, `rejected` by its handler, or `missing-id`.
REASON = "amqptool-reason"
#: The last error, and the end of its traceback.
ERROR, TRACEBACK = "amqptool-error", "amqptool-traceback"
#: A table for each failed attempt: its number, when it ended, and its error.
HISTORY = "amqptool-history"

_OURS = "amqptool-"
#: Fields of a message that are set aside, with the names of their headers.
_FIELDS = {
    "exchange": "amqptool-exchange",
    "routing_key": "amqptool-routing-key",
    "expiration": "amqptool-expiration",
    "user_id": "amqptool-user-id",
}
_MOVED = frozenset({"CC", "BCC", "x-death"})
_MOVED_PREFIXES = ("x-first-death-", "x-last-death-")
#: Characters of an error's text, and of a traceback; attempts in the history.
_LONGEST_ERROR, _LONGEST_TRACEBACK, _LONGEST_HISTORY = 1000, 4000, 20


def copy_of(delivery: Delivery, step: Step, error: Exception, *, rejected: bool, at: datetime) -> Message:
    """Make the copy of a delivery whose attempt has failed with an error."""
    message = delivery.message
    headers = dict(message.headers) if _came_back(message, delivery.queue) else _aside(message)
    headers = {name: value for name, value in headers.items() if not _is_moved(name)}
    failure: dict[str, FieldValue] = {"attempt": delivery.attempt, "at": at, "error": _text(error)}
    headers |= {
        QUEUE: delivery.queue,
        ATTEMPT: delivery.attempt + 1,
        ERROR: _text(error),
        HISTORY: [*_history(message.headers), failure][-_LONGEST_HISTORY:],
    }
    if isinstance(step, DeadLetter):
        del headers[ATTEMPT]  # sent to its queue again, it begins anew
        headers |= {REASON: _reason(error, rejected=rejected), TRACEBACK: _traceback(error)}
    return replace(message, exchange="", routing_key=step.queue, expiration=None, user_id=None, headers=headers)


def without_details(copy: Message) -> Message:
    """Return a copy that tells less, for one whose headers do not fit into a frame."""
    headers = {name: value for name, value in copy.headers.items() if name not in (ERROR, TRACEBACK, HISTORY)}
    return replace(copy, headers=headers)


def original_of(message: Message, queue: str) -> tuple[Message, int]:
    """Return a message of a queue as its publisher sent it, and which attempt this is, as far as its headers tell."""
    if not _came_back(message, queue):
        return message, 1
    fields = {field: message.headers[name] for field, name in _FIELDS.items() if name in message.headers}
    told: dict[str, Any] = {field: value for field, value in fields.items() if isinstance(value, str)}
    headers: dict[str, FieldValue] = {}
    for name, value in message.headers.items():
        if name.startswith(_OURS) and _is_moved(name.removeprefix(_OURS)):
            headers[name.removeprefix(_OURS)] = value
        elif not name.startswith(_OURS) and not _is_moved(name):
            headers[name] = value
    attempt = message.headers.get(ATTEMPT)
    return replace(message, headers=headers, **told), max(1, attempt) if isinstance(attempt, int) else 1


def _came_back(message: Message, queue: str) -> bool:
    return message.headers.get(QUEUE) == queue


def _aside(message: Message) -> dict[str, FieldValue]:
    """Return the headers of a message that was never copied, with everything set aside under our names."""
    headers = {f"{_OURS}{name}" if _is_moved(name) else name: value for name, value in message.headers.items()}
    fields = {name: getattr(message, field) for field, name in _FIELDS.items()}
    return headers | {name: value for name, value in fields.items() if value is not None}


def _is_moved(name: str) -> bool:
    return name in _MOVED or name.startswith(_MOVED_PREFIXES)


def _history(headers: Mapping[str, FieldValue]) -> list[FieldValue]:
    history = headers.get(HISTORY)
    return history if isinstance(history, list) else []


def _reason(error: Exception, *, rejected: bool) -> str:
    if isinstance(error, MissingId):
        return "missing-id"
    return "rejected" if rejected else "failed"


def _text(error: Exception) -> str:
    return _printable(f"{type(error).__name__}: {error}"[:_LONGEST_ERROR])


def _traceback(error: Exception) -> str:
    return _printable("".join(traceback.format_exception(error))[-_LONGEST_TRACEBACK:])


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
