"""The copy of a message that waits for its next attempt, or is dead, and back to what its publisher sent.

What would lead the copy astray is set aside in a header of ours: an expiration would end its waiting early, CC and
BCC would bring it to other queues too, a foreign user_id would have it refused, and a broker drops a message whose
`x-death` shows a cycle. A copy is always persistent, since it is all that is left of a message that may have been
safe in a quorum queue without.
"""

from __future__ import annotations

import traceback
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from amqptool.handlers.interface import Interrupted, MissingId
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
#: Why it is dead: `failed` in its last attempt, `rejected` by its handler, `missing-id`, or
#: `interrupted` in all of them.
REASON = "amqptool-reason"
#: The last error, and the end of its traceback.
ERROR, TRACEBACK = "amqptool-error", "amqptool-traceback"
#: A table for each failed attempt: its number, when it ended, and its error.
HISTORY = "amqptool-history"
#: A table of what the copy lacks: fields of the message, and under `headers` those that a copy cannot carry.
ORIGINAL = "amqptool-original"

_OURS = frozenset({QUEUE, ATTEMPT, REASON, ERROR, TRACEBACK, HISTORY, ORIGINAL})
#: Fields of a message that a copy has otherwise.
_FIELDS: Mapping[str, type] = {
    "exchange": str,
    "routing_key": str,
    "expiration": str,
    "user_id": str,
    "persistent": bool,
}
_MOVED = frozenset({"CC", "BCC", "x-death"})
_MOVED_PREFIXES = ("x-first-death-", "x-last-death-")
#: Characters of an error's text, also where there is little room, and of a traceback; attempts in the history.
_LONGEST_ERROR, _SHORT_ERROR, _LONGEST_TRACEBACK, _LONGEST_HISTORY = 1000, 200, 4000, 20


def copy_of(delivery: Delivery, step: Step, error: Exception, *, rejected: bool, at: datetime) -> Message:
    """Make the copy of a delivery whose attempt has failed with an error."""
    message = delivery.message
    came_back = _came_back(message, delivery.queue)
    original = message.headers.get(ORIGINAL, {}) if came_back else set_aside(message)
    history = message.headers.get(HISTORY) if came_back else None
    failure: dict[str, FieldValue] = {"attempt": delivery.attempt, "at": at, "error": text_of(error)}
    headers = {name: value for name, value in message.headers.items() if not is_set_aside(name)}
    headers |= {
        QUEUE: delivery.queue,
        ORIGINAL: original,
        ERROR: text_of(error),
        HISTORY: [*(history if isinstance(history, list) else ()), failure][-_LONGEST_HISTORY:],
    }
    if isinstance(step, DeadLetter):  # without an attempt: sent to its queue again, it begins anew
        headers |= {REASON: _reason(error, rejected=rejected), TRACEBACK: _traceback(error)}
    else:
        headers[ATTEMPT] = delivery.attempt + 1
    return replace(
        message,
        exchange="",
        routing_key=step.queue,
        expiration=None,
        user_id=None,
        persistent=True,
        headers=headers,
    )


def without_details(copy: Message) -> Message:
    """Return a copy that tells less, for one whose headers do not fit into a frame."""
    headers = {name: value for name, value in copy.headers.items() if name not in (TRACEBACK, HISTORY)}
    return replace(copy, headers={**headers, ERROR: str(headers[ERROR])[:_SHORT_ERROR]})


def original_of(message: Message, queue: str) -> tuple[Message, int]:
    """Return a message of a queue as its publisher sent it, and which attempt this is, as far as its headers tell."""
    if not message.headers or not _came_back(message, queue):
        return message, 1
    original = message.headers.get(ORIGINAL)
    told: Mapping[str, Any] = original if isinstance(original, dict) else {}
    fields = {name: told[name] for name, kind in _FIELDS.items() if isinstance(told.get(name), kind)}
    aside = told.get("headers")
    headers = {name: value for name, value in message.headers.items() if not is_set_aside(name)}
    attempt = message.headers.get(ATTEMPT)
    return (
        replace(message, headers=headers | (aside if isinstance(aside, dict) else {}), **fields),
        max(1, attempt) if isinstance(attempt, int) else 1,
    )


def copied(headers: Mapping[str, FieldValue]) -> dict[str, FieldValue]:
    """Copy headers with all their tables and lists, which may be nested deeper than Python can recur."""
    copy = dict(headers)
    todo: list[Any] = [copy]
    while todo:
        container = todo.pop()
        for key, value in list(container.items() if isinstance(container, dict) else enumerate(container)):
            if isinstance(value, (dict, list)):
                container[key] = value.copy()
                todo.append(container[key])
    return copy


def text_of(error: BaseException) -> str:
    """Return an error's kind and what it says, if it can say anything."""
    try:
        said = str(error)
    except Exception:
        said = "(no text can be had of it)"
    kind = type(error).__name__
    return _printable(f"{kind}: {said}"[:_LONGEST_ERROR]) if said else kind


def _came_back(message: Message, queue: str) -> bool:
    return message.headers.get(QUEUE) == queue


def set_aside(message: Message) -> dict[str, FieldValue]:
    """Return what a message has that its copy cannot have, headers of these names of an earlier queue included."""
    aside: dict[str, FieldValue] = {name: value for name, value in message.headers.items() if is_set_aside(name)}
    fields = {name: getattr(message, name) for name in _FIELDS}
    return {name: value for name, value in fields.items() if value is not None} | ({"headers": aside} if aside else {})


def is_set_aside(name: str) -> bool:
    """Whether a copy cannot have a header of this name."""
    return name in _OURS or name in _MOVED or name.startswith(_MOVED_PREFIXES)


def _reason(error: Exception, *, rejected: bool) -> str:
    if isinstance(error, MissingId):
        return "missing-id"
    if isinstance(error, Interrupted):
        return "interrupted"
    return "rejected" if rejected else "failed"


def _traceback(error: Exception) -> str:
    return _printable("".join(traceback.format_exception(error))[-_LONGEST_TRACEBACK:])


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
