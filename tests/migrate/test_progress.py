"""Progress is told now and then, and not for each message."""

from __future__ import annotations

from amqptool.migrate.progress import Progress


def test_progress_is_told_once_in_a_second_at_most() -> None:
    """The first number at once, and each later one a second after the one that was told before it."""
    times = [100.0, 100.5, 100.75, 101.0, 101.5, 104.25, 105.0, 105.25]
    told: list[int] = []
    progress = Progress(told.append, iter(times).__next__)
    for number in range(len(times)):
        progress.reach(number)
    assert [times[number] for number in told] == [100.0, 101.0, 104.25, 105.25]
