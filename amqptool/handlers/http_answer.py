"""What an HTTP response says of a message: pure decisions.

==============================  ========================================
status                          means
==============================  ========================================
2xx                             done
408, 425, 429, 5xx              Retry, after what Retry-After says
other 4xx                       Reject
anything else, redirects too    a failed attempt
==============================  ========================================
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from amqptool.errors import HandlerError
from amqptool.handlers.interface import Reject, Retry

#: Seconds that a server can ask to wait, at the most: a day.
LONGEST_WAIT = 86_400.0
#: Characters of a response's body in the text of an error.
SHOWN_BODY = 800

_TRY_AGAIN = (408, 425, 429)


def check(host: str, status: int, retry_after: str | None, body: str, now: datetime) -> None:
    """Raise what a response means; nothing is success."""
    if 200 <= status < 300:
        return
    head = body[:SHOWN_BODY].strip()
    reason = f"{host} answered {status}{': ' if head else ''}{head}"
    if status in _TRY_AGAIN or 500 <= status < 600:
        raise Retry(reason, after=wait(retry_after, now))
    if 400 <= status < 500:
        raise Reject(reason)
    if 300 <= status < 400:
        raise HandlerError(f"{host} answered {status}, and redirects are not followed")
    raise HandlerError(reason)


def wait(retry_after: str | None, now: datetime) -> float | None:
    """Return the seconds that a Retry-After (RFC 9110, 10.2.3) asks for; None for anything that is none."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:20]), LONGEST_WAIT)
    with suppress(ValueError, TypeError):
        date = parsedate_to_datetime(text)
        seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)) - now
        return min(max(seconds.total_seconds(), 0.0), LONGEST_WAIT)
    return None
