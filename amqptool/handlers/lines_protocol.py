"""The lines between a worker and an `exec-lines:` process: one out for a message, one back with its verdict.

Out: a record (see `amqptool.records`) with `id`, a number, and `attempt`. Back: `{"id": …, "verdict": "ack"}`, or
`"retry"`, which may have `after` (seconds), or `"reject"`; both may have a `reason`. Other keys mean nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from amqptool.errors import HandlerError
from amqptool.handlers.interface import Reject, Retry
from amqptool.records import delivery_to_record

if TYPE_CHECKING:
    from amqptool.message import Delivery

#: Characters of a wrong answer in the text of an error.
_SHOWN = 80
# What has come over AMQP holds nothing that holds itself.
_encode = json.JSONEncoder(check_circular=False).encode


def question(number: int, delivery: Delivery) -> bytes:
    """Return the line that asks for a verdict.

    Raises:
        InputError: the message's headers are nested too deeply.
    """
    record = {"id": number, **delivery_to_record(delivery), "attempt": delivery.attempt}
    return _encode(record).encode() + b"\n"


def outcome(line: bytes, number: int) -> Retry | Reject | None:
    """Return what an answer raises; None is success.

    Raises:
        HandlerError: it is no answer to the question of this number.
    """
    try:
        answer = json.loads(line.decode())
    except (ValueError, RecursionError):
        raise _wrong(line, "it is no JSON") from None
    if not isinstance(answer, dict) or type(answer.get("id")) is not int or answer["id"] != number:
        raise _wrong(line, f"the id must be {number}")
    reason = answer.get("reason") or ""
    if not isinstance(reason, str):
        raise _wrong(line, "the reason must be text")
    return _verdict(answer, reason, line)


def _verdict(answer: dict[str, Any], reason: str, line: bytes) -> Retry | Reject | None:
    match answer.get("verdict"):
        case "ack":
            return None
        case "reject":
            return Reject(reason)
        case "retry":
            return _retry(answer.get("after"), reason, line)
        case _:
            raise _wrong(line, "the verdict must be ack, retry or reject")


def _retry(after: object, reason: str, line: bytes) -> Retry:
    try:
        if after is None or (isinstance(after, (int, float)) and not isinstance(after, bool)):
            return Retry(reason, after=after)
    except (ValueError, OverflowError):
        pass
    raise _wrong(line, "`after` must be a number of seconds, from 0")


def _wrong(line: bytes, reason: str) -> HandlerError:
    shown = line[:_SHOWN].decode("utf-8", "replace").strip()
    return HandlerError(f"answered {shown!r}, which is no verdict: {reason}")
