"""Where in a stream reading begins."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amqptool.errors import InputError
from amqptool.work.offsets import parse_offset


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("first", "first"),
        ("last", "last"),
        ("next", "next"),
        ("0", 0),
        ("42", 42),
        ("1h30m", "5400s"),
        ("10ms", "1s"),
        ("2026-11-26", datetime(2026, 11, 26, tzinfo=UTC)),
        ("2026-11-26T14:00:00+01:00", datetime(2026, 11, 26, 13, tzinfo=UTC)),
    ],
)
def test_an_offset_is_read_as_people_write_it(text: str, offset: str | int | datetime) -> None:
    """A word, a number, how long ago, or a time, in UTC where it does not say."""
    assert parse_offset(text) == offset


@pytest.mark.parametrize("text", ["", "First", "-1", "1.5", "1 h", "yesterday", "1950-01-01", "9" * 30])
def test_anything_else_is_no_offset(text: str) -> None:
    """RabbitMQ would close the connection for it."""
    with pytest.raises(InputError):
        parse_offset(text)


@given(st.text())
def test_no_text_crashes_the_reader(text: str) -> None:
    """It is an offset, or refused."""
    try:
        assert isinstance(parse_offset(text), str | int | datetime)
    except InputError as error:
        assert "offset" in str(error) or "1970" in str(error)
