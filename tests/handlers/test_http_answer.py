"""What a response means: the whole table, and how long it asks to wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from amqptool import HandlerError, Reject, Retry
from amqptool.handlers.http_answer import LONGEST_WAIT, SHOWN_BODY, check, wait

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_done(status: int) -> None:
    """Whatever the body says."""
    check("host", status, None, "error", NOW)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_what_may_pass_is_tried_again(status: int) -> None:
    """After as long as the server asks for."""
    with pytest.raises(Retry, match=f"host answered {status}: busy") as caught:
        check("host", status, "120", "busy", NOW)
    assert caught.value.after == 120


@pytest.mark.parametrize("status", [400, 401, 404, 409, 410, 415, 422, 499])
def test_what_will_not_pass_is_rejected(status: int) -> None:
    """The message is at fault, says the server."""
    with pytest.raises(Reject, match=f"host answered {status}$"):
        check("host", status, None, "", NOW)


@pytest.mark.parametrize(("status", "text"), [(302, "redirects are not followed"), (101, "101"), (600, "600")])
def test_anything_else_is_a_failed_attempt(status: int, text: str) -> None:
    """A redirect says so."""
    with pytest.raises(HandlerError, match=text):
        check("host", status, None, "", NOW)


def test_only_the_head_of_a_body_is_shown() -> None:
    """An error is no place for a page."""
    with pytest.raises(Reject) as caught:
        check("host", 400, None, "x" * SHOWN_BODY + "y", NOW)
    assert str(caught.value) == "host answered 400: " + "x" * SHOWN_BODY


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("0", 0),
        (" 7 ", 7),
        ("9" * 400, LONGEST_WAIT),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(days=90), usegmt=True), 0),
        (format_datetime(NOW + timedelta(days=90), usegmt=True), LONGEST_WAIT),
        ("Thu, 01 Jan 2026 00:00:05 -0000", 5),
        (None, None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("²", None),
        ("Thu, 99 Jan 2026 00:00:05 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(retry_after: str | None, seconds: float | None) -> None:
    """Capped at a day; what is neither counts for nothing."""
    assert wait(retry_after, NOW) == seconds
