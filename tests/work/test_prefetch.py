"""A prefetch that follows the size of messages."""

from __future__ import annotations

from amqptool.work.prefetch import Prefetch

KB = 1000


def take(prefetch: Prefetch, size: int, in_hand: int = 0) -> int:
    """Note messages of a size until another prefetch is needed; return how many, at most 1000."""
    for count in range(1, 1001):
        prefetch.note(size, in_hand or size)
        if prefetch.is_to_change:
            prefetch.change()
            return count
    return 1000


def test_messages_that_fit_change_nothing() -> None:
    """As many as were asked for."""
    prefetch = Prefetch(250, 1000 * KB)
    assert take(prefetch, KB) == 1000
    assert prefetch.messages == 250


def test_large_messages_lower_it_to_what_fits() -> None:
    """So many that all of them are no more bytes than allowed, and always one."""
    prefetch = Prefetch(250, 1000 * KB)
    take(prefetch, 300 * KB, in_hand=1200 * KB)
    assert prefetch.messages == 3
    take(prefetch, 5000 * KB, in_hand=5000 * KB)
    assert prefetch.messages == 1
    assert take(prefetch, 5000 * KB) == 1000


def test_small_messages_raise_it_again_step_by_step() -> None:
    """Up to what was asked for at first, each step after some messages."""
    prefetch = Prefetch(250, 1000 * KB)
    take(prefetch, 2000 * KB)
    steps = []
    while prefetch.messages < 250:
        take(prefetch, KB)
        steps.append(prefetch.messages)
    assert steps == [4, 16, 64, 250]
    assert take(prefetch, KB) == 1000


def test_it_is_raised_no_further_than_fits() -> None:
    """Messages of a quarter of what is allowed are not asked for by the dozen."""
    prefetch = Prefetch(250, 1000 * KB)
    take(prefetch, 2000 * KB)
    assert take(prefetch, 250 * KB) == 1000
    assert prefetch.messages == 1
