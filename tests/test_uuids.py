"""UUIDs of chance, and of time and chance."""

from __future__ import annotations

import time
import uuid
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from amqptool.uuids import uuid4_maker, uuid7, uuid7_maker


def test_random_ids_are_uuids() -> None:
    """Each is a UUID of version 4, and another one."""
    make = uuid4_maker()
    made = {UUID(make()) for _ in range(1000)}
    assert len(made) == 1000
    assert {(each.version, each.variant) for each in made} == {(4, uuid.RFC_4122)}


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**48 - 2), min_size=1, max_size=20))
def test_ids_of_time_grow(times: list[int]) -> None:
    """Whatever the clock does, each is greater than the one before, of version 7, and begins with its time."""
    ticks = iter(times)
    make = uuid7_maker(lambda: next(ticks))
    made = [UUID(make()) for _ in times]
    assert made == sorted(set(made))
    assert {(each.version, each.variant) for each in made} == {(7, uuid.RFC_4122)}
    assert made[0].int >> 80 == times[0]


def test_a_single_id_begins_with_its_time() -> None:
    """Each is a UUID of version 7, and of the milliseconds in which it was made."""
    before, made, after = time.time_ns() // 1_000_000, UUID(uuid7()), time.time_ns() // 1_000_000
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert before <= made.int >> 80 <= after


def test_single_ids_differ() -> None:
    """What is made within one millisecond differs by chance."""
    assert len({uuid7() for _ in range(1000)}) == 1000
