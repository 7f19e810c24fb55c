"""When messages that wait take the room of others."""

from __future__ import annotations

import pytest

from amqptool.work.crowding import Crowding


@pytest.mark.parametrize(("held", "warnings"), [(0, 0), (2, 0), (3, 1), (4, 1)])
def test_more_than_half_of_the_window_is_a_warning(caplog: pytest.LogCaptureFixture, held: int, warnings: int) -> None:
    """Exactly half is none."""
    Crowding("q", prefetch=4).look(10.0, lambda: held)
    assert len(caplog.messages) == warnings


def test_there_is_a_warning_a_minute_at_most(caplog: pytest.LogCaptureFixture) -> None:
    """As long as it lasts, and when it comes back."""
    crowding = Crowding("q", prefetch=4)
    warned_at = []
    for now in range(0, 200, 10):
        before = len(caplog.messages)
        crowding.look(float(now), lambda: 4)
        if len(caplog.messages) > before:
            warned_at.append(now)
    assert warned_at == [0, 60, 120, 180]


def test_it_looks_once_a_second_at_most() -> None:
    """Counting what is held costs something."""
    looks: list[float] = []
    crowding = Crowding("q", prefetch=4)
    for now in (0.0, 0.5, 0.9, 1.0, 1.5, 2.0):
        crowding.look(now, lambda now=now: looks.append(now) or 0)  # type: ignore[misc]
    assert looks == [0.0, 1.0, 2.0]
