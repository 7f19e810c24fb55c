"""The pace of publishing, and of playing a recording."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amqptool.publish.rate import SLACK, Pace, Playback, per_second


@pytest.mark.parametrize(
    ("text", "rate"),
    [("100", 100), ("100/s", 100), ("30/m", 0.5), ("36/h", 0.01), ("0.5/s", 0.5), ("1.5/m", 0.025)],
)
def test_a_rate_is_read_as_people_write_it(text: str, rate: float) -> None:
    """A number a second, a minute or an hour."""
    assert per_second(text) == pytest.approx(rate)


@pytest.mark.parametrize(
    "text", ["", "0", "0/s", "-1", "1/d", "1 /s", "x", "1/", "/s", "1e3", "1234567890", "٣", "nan"]
)
def test_anything_else_is_no_rate(text: str) -> None:
    """Nothing is guessed, and never is nothing allowed."""
    assert per_second(text) is None


def test_the_first_goes_at_once_and_the_others_at_even_times() -> None:
    """Asked at once for four, a pace of two a second spreads them over a second and a half."""
    pace = Pace(2)
    assert [pace.wait(100.0) for _ in range(4)] == [0, 0.5, 1.0, 1.5]


def test_a_late_message_is_made_up_for() -> None:
    """A loop that wakes a little late sends the next one sooner, so that the rate holds."""
    pace = Pace(100)
    assert pace.wait(0.0) == 0
    assert pace.wait(0.015) == 0
    assert pace.wait(0.015) == pytest.approx(0.005)


def test_a_pause_is_not_made_up_for() -> None:
    """After a minute without input no more goes at once than a tenth of a second's worth."""
    pace = Pace(100)
    pace.wait(0.0)
    free = [pace.wait(60.0) for _ in range(20)].count(0)
    assert free == 100 * SLACK + 1


@settings(deadline=None)
@given(st.floats(0.1, 1000), st.lists(st.floats(0, 2), min_size=1, max_size=60))
def test_no_second_sees_more_than_the_rate(rate: float, pauses: list[float]) -> None:
    """Whenever messages are asked for, any stretch of time holds no more than its share and the slack."""
    pace, sent = Pace(rate), []
    now = 0.0
    for pause in pauses:
        now += pause
        now += pace.wait(now)
        sent.append(now)
    for first, start in enumerate(sent):
        for last in range(first, len(sent)):
            assert last - first <= (sent[last] - start + SLACK) * rate + 1e-6


@settings(deadline=None)
@given(st.floats(0.1, 1000), st.integers(1, 100))
def test_a_hurried_sender_gets_exactly_the_rate(rate: float, count: int) -> None:
    """Who always asks at once sends the n-th message n intervals after the first."""
    pace, times = Pace(rate), [0.0]
    times = list(accumulate(range(count), lambda now, _: now + pace.wait(now), initial=0.0))
    assert times[-1] == pytest.approx((count - 1) / rate)


def recorded(*seconds: float) -> list[datetime]:
    """Return times at which messages were received."""
    return [datetime(2026, 11, 26, tzinfo=UTC) + timedelta(seconds=each) for each in seconds]


def waits(playback: Playback, times: list[datetime]) -> list[float]:
    """Return when each goes, of a sender that takes no time itself."""
    now, sent = 100.0, []
    for each in times:
        now += playback.wait(now, each)
        sent.append(now - 100.0)
    return sent


def test_a_recording_is_played_as_it_was() -> None:
    """The first goes at once, the others so long after it as they came."""
    assert waits(Playback(1), recorded(7, 7.5, 12)) == pytest.approx([0, 0.5, 5])


def test_a_recording_is_played_faster_or_slower() -> None:
    """Twice as fast, every wait is half as long."""
    assert waits(Playback(2), recorded(7, 7.5, 12)) == pytest.approx([0, 0.25, 2.5])
    assert waits(Playback(0.5), recorded(7, 7.5, 12)) == pytest.approx([0, 1, 10])


def test_a_late_message_does_not_make_the_next_ones_late() -> None:
    """Each has its time from the first one on."""
    playback = Playback(1)
    first, second, third = recorded(0, 1, 2)
    assert playback.wait(100.0, first) == 0
    assert playback.wait(101.5, second) == 0
    assert playback.wait(101.5, third) == pytest.approx(0.5)


def test_what_was_recorded_before_the_first_goes_at_once() -> None:
    """As in recordings that are put behind each other in the wrong order."""
    assert waits(Playback(1), recorded(100, 0, 101)) == pytest.approx([0, 0, 1])
