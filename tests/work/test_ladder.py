"""Where a failed message goes: the whole table."""

from __future__ import annotations

import pytest

from amqptool.retry import dead_letter_queue_arguments, wait_queue_arguments
from amqptool.work.ladder import DeadLetter, Ladder, Rung, Step

FIVE_SECONDS, MINUTE = Rung("amqptool.retry.q.5000"), Rung("amqptool.retry.q.60000")
DEAD = DeadLetter("dead")


@pytest.mark.parametrize(
    ("attempt", "rejected", "step"),
    [
        (1, False, FIVE_SECONDS),
        (2, False, MINUTE),
        (3, False, DEAD),
        (99, False, DEAD),
        (1, True, DEAD),
        (3, True, DEAD),
    ],
)
def test_each_failed_attempt_has_its_place(attempt: int, rejected: bool, step: Step) -> None:
    """The delays in their order, then the dead letters; what is rejected is dead at once."""
    assert Ladder("q", (5000, 60_000), "dead").step(attempt, rejected=rejected) == step


@pytest.mark.parametrize(
    ("attempt", "after", "step"),
    [
        (1, 0, FIVE_SECONDS),
        (1, 5, FIVE_SECONDS),
        (1, 5.001, MINUTE),
        (1, 60, MINUTE),
        (1, 1e300, MINUTE),
        (2, 1, FIVE_SECONDS),
        (2, 30, MINUTE),
        (3, 1, DEAD),
    ],
)
def test_a_handler_chooses_how_long_to_wait(attempt: int, after: float, step: Step) -> None:
    """The shortest delay that is long enough, or the longest there is; the attempt counts all the same."""
    assert Ladder("q", (60_000, 5000), "dead").step(attempt, rejected=False, after=after) == step


def test_a_rejected_message_waits_for_nothing() -> None:
    """Whatever else was asked for."""
    assert Ladder("q", (5000,), "dead").step(1, rejected=True, after=1) == DEAD


@pytest.mark.parametrize(("attempt", "rejected"), [(2, False), (1, True)])
def test_without_a_dead_letter_queue_a_message_stays(attempt: int, rejected: bool) -> None:
    """Nothing is ever thrown away."""
    assert Ladder("q", (5000,)).step(attempt, rejected=rejected) is None


def test_its_queues_are_those_of_a_topology_file() -> None:
    """Names and arguments are what `retry` and `dead_letter` of a file imply."""
    assert Ladder("q", (5000,), "dead").queues() == {
        "amqptool.retry.q.5000": wait_queue_arguments("q", 5000),
        "dead": dead_letter_queue_arguments(),
    }
    assert Ladder("q").queues() == {}


@pytest.mark.parametrize("dead_letter", ["", "q", "amqptool.retry.q.5000"])
def test_dead_letters_have_a_queue_of_their_own(dead_letter: str) -> None:
    """In the work queue, or one to wait in, they would come again for ever."""
    with pytest.raises(ValueError, match="one of its own"):
        Ladder("q", (5000,), dead_letter)


@pytest.mark.parametrize("delay", [0, -1, 2**32])
def test_delays_are_what_a_broker_counts(delay: int) -> None:
    """From a millisecond to some 49 days."""
    with pytest.raises(ValueError, match="from 1ms to 49d"):
        Ladder("q", (delay,))


@pytest.mark.parametrize(("attempt", "used_up"), [(1, False), (2, False), (3, True), (99, True)])
def test_a_ladder_is_used_up_after_an_attempt_for_each_delay_and_one_more(attempt: int, used_up: bool) -> None:
    """As when the process died in all of them; without a place for the dead there is no end to it."""
    assert Ladder("q", (5000,), "dead").is_used_up(attempt) is used_up
    assert not Ladder("q", (5000,)).is_used_up(attempt)
