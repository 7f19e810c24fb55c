"""The signals that end a process, and cleaning up before they do."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# What a signal does to a Python program that has not said anything about it.
_DEFAULTS = (signal.SIG_DFL, signal.default_int_handler)


@contextmanager
def handled(numbers: Iterable[int], handle: Callable[[int], None]) -> Iterator[None]:
    """Call a function with the number of each of these signals that comes."""
    before = {number: signal.signal(number, lambda received, _: handle(received)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let the signals that would end us raise KeyboardInterrupt here, once, and end us afterwards.

    What the caller handles or ignores himself stays his. Only the main thread can do this.
    """
    received: list[int] = []

    def interrupt(number: int) -> None:
        received.append(number)
        if len(received) == 1:
            raise KeyboardInterrupt

    try:
        with handled(_unhandled(), interrupt):
            yield
    finally:
        if received:
            signal.raise_signal(received[0])


@contextmanager
def postponed() -> Iterator[None]:
    """Let the signals that may end us have their effect at the end of a block, which is not left half done."""
    received: list[int] = []
    try:
        with handled(_ours(), received.append):
            yield
    finally:
        if received:
            signal.raise_signal(received[0])


def _unhandled() -> list[int]:
    return [number for number in _ours() if signal.getsignal(number) in _DEFAULTS]


def _ours() -> tuple[int, ...]:
    """Return those that this thread can handle: only the main thread can handle any."""
    return ENDING if threading.current_thread() is threading.main_thread() else ()
