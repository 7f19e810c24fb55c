"""Signals that wait until something is done."""

from __future__ import annotations

import signal

import pytest

from amqptool.signals import postponed


def test_an_interrupt_waits_for_the_end_of_a_block() -> None:
    """Or what the block begins might be known to nobody."""
    done: list[int] = []
    with pytest.raises(KeyboardInterrupt), postponed():
        signal.raise_signal(signal.SIGINT)
        done.append(1)
    assert done == [1]


def test_what_a_program_does_about_a_signal_waits_too() -> None:
    """And is done then."""
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        with postponed():
            signal.raise_signal(signal.SIGTERM)
            assert heard == []
        assert heard == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)
