"""What a fault is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeAlias

from tests.faults.world import World

#: Tells whether a fault has bitten by now: whether anybody has met with it.
HasBitten: TypeAlias = Callable[[], bool]
#: Brought over a world, at whom or how hard, for as long as its block goes on.
Fault: TypeAlias = Callable[[World, int], AbstractContextManager[HasBitten]]


def surely() -> bool:
    """Tell of a fault that has bitten as soon as it is there."""
    return True


class NobodyThereError(Exception):
    """What it was to hit does not run, or has ended for good."""
