"""Where in a stream reading begins, as people write it and as RabbitMQ takes it (`x-stream-offset`)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from amqptool.errors import InputError
from amqptool.units import milliseconds

if TYPE_CHECKING:
    #: A word, a number, or a time; RabbitMQ closes the connection for any other text.
    Offset: TypeAlias = str | int | datetime

FIRST, NEXT = "first", "next"
_WORDS = (FIRST, "last", NEXT)
_NUMBER = re.compile(r"[0-9]{1,18}")


def parse_offset(text: str) -> Offset:
    """Read `first`, `last`, `next`, the number of a message, a time, or how long ago (`1h30m`).

    RabbitMQ counts back from its own clock, and its chunks begin at whole seconds.

    Raises:
        InputError: it is none of these.
    """
    if text in _WORDS:
        return text
    if _NUMBER.fullmatch(text):
        return int(text)
    ago = milliseconds(text)
    return _time(text) if ago is None else f"{max(1, round(ago / 1000))}s"


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        known = f"{', '.join(_WORDS)}, a number, a time such as 2026-11-26T13:00Z, or how long ago, such as 1h"
        raise InputError(f"{text!r} is no offset of a stream: write {known}") from None
    if time.year < 1970:
        raise InputError(f"{text!r} is before 1970, where the time of AMQP begins")
    return time
