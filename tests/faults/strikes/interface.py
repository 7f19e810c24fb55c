"""What a fault is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeAlias

from tests.faults.world import World

#: Brought over a world, at whom or how hard, for as long as its block goes on.
Fault: TypeAlias = Callable[[World, int], AbstractContextManager[None]]


class NobodyThereError(Exception):
    """What it was to hit does not run, or has ended for good."""
