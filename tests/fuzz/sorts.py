"""The sorts of input, how many of a hundred cases are of each, and a case by its number."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, repeat
from random import Random

from tests.fuzz import arguments, bodies, receipts, records, topologies, urls, wire
from tests.fuzz.case import Case, Place

#: What makes a case of a sort, and its share in a hundred.
SORTS: dict[str, tuple[Callable[[Random, Place], Case], int]] = {
    "topologies": (topologies.case, 40),
    "arguments": (arguments.case, 20),
    "urls": (urls.case, 10),
    "records": (records.case, 13),
    "wire": (wire.case, 7),
    "bodies": (bodies.case, 7),
    "receipts": (receipts.case, 3),
}
#: The sorts of a hundred cases, well mixed: every part of a run has some of each.
_ORDER = list(chain.from_iterable(repeat(name, share) for name, (_, share) in SORTS.items()))
Random(0).shuffle(_ORDER)


def sort_of(number: int) -> str:
    """Return the sort of a case."""
    return _ORDER[number % len(_ORDER)]


def random_of(seed: int, number: int, purpose: str = "") -> Random:
    """Return what decides everything in a case, and nothing in another."""
    return Random(f"{seed} {number} {purpose}")


def case_of(seed: int, number: int, place: Place) -> Case:
    """Make a case."""
    return SORTS[sort_of(number)][0](random_of(seed, number), place)
