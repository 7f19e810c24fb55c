"""What happens to a delivery next: the whole table, and delays that grow and are bounded."""

from __future__ import annotations

import itertools

import pytest

from amqptool.dedup.interface import Acquired, Busy, Done, Key
from amqptool.work.ladder import DeadLetter, Rung, Step
from amqptool.work.settle import (
    FIRST_LOOK,
    FIRST_RETRY,
    LONGEST_LOOK,
    LONGEST_RETRY,
    Ack,
    Complete,
    Hold,
    PassOn,
    Release,
    Run,
    after_claim,
    after_complete,
    after_copy,
    after_handler,
    after_no_commit,
)

CLAIM = Acquired(Key("scope", "id"), "token", 2)
COUNTS = (0, 1, 5, 100, 10**9)


@pytest.mark.parametrize("looks", COUNTS)
def test_an_acquired_delivery_is_run_under_its_claim(looks: int) -> None:
    """A claim that was acquired is run, however often it was busy before."""
    assert after_claim(CLAIM, looks) == Run()


@pytest.mark.parametrize("looks", COUNTS)
def test_a_done_delivery_is_acked_as_a_duplicate(looks: int) -> None:
    """What is done is acknowledged and counted, and not handled again."""
    assert after_claim(Done(), looks) == Ack()


@pytest.mark.parametrize("looks", COUNTS)
def test_a_busy_delivery_is_held(looks: int) -> None:
    """What somebody else is at is neither handled nor acknowledged."""
    assert isinstance(after_claim(Busy(), looks), Hold)


@pytest.mark.parametrize(
    ("claim", "succeeded", "committed", "failures"),
    list(itertools.product((CLAIM, None), (True, False), (True, False), COUNTS)),
)
def test_only_success_leads_towards_an_ack(
    claim: Acquired | None, succeeded: bool, committed: bool, failures: int
) -> None:
    """After success DONE is written first, if it is not yet and there is a claim; after a failure it is held."""
    decision = after_handler(claimed=claim is not None, succeeded=succeeded, failures=failures, committed=committed)

    if not succeeded:
        assert isinstance(decision, Hold)
    elif claim is None or committed:
        assert decision == Ack()
    else:
        assert decision == Complete()


@pytest.mark.parametrize(("after", "seconds"), [(0, FIRST_RETRY), (FIRST_RETRY / 2, FIRST_RETRY), (3600.0, 3600.0)])
def test_a_failed_message_is_held_for_as_long_as_its_handler_asked(after: float, seconds: float) -> None:
    """At least so long; the delay that grows is never made shorter."""
    assert after_handler(claimed=True, succeeded=False, failures=0, after=after) == Hold(seconds)


@pytest.mark.parametrize("step", [Rung("wait"), DeadLetter("dead")])
def test_a_place_to_go_decides_how_long_a_message_waits(step: Step) -> None:
    """The ladder has chosen it by what the handler asked for."""
    assert after_handler(claimed=True, succeeded=False, failures=0, step=step, after=3600) == PassOn(step)


@pytest.mark.parametrize("step", [Rung("wait"), DeadLetter("dead")])
@pytest.mark.parametrize("claimed", [True, False])
def test_a_failed_message_with_a_place_to_go_is_passed_on(step: Step, claimed: bool) -> None:
    """Only after a failure: a success is never copied."""
    assert after_handler(claimed=claimed, succeeded=False, failures=0, step=step) == PassOn(step)
    assert not isinstance(after_handler(claimed=claimed, succeeded=True, failures=0, step=step), PassOn)


@pytest.mark.parametrize("failures", COUNTS)
def test_only_a_confirmed_copy_lets_go_of_its_original(failures: int) -> None:
    """A retry keeps the count of attempts, a dead letter leaves nothing; without a confirm the original is held."""
    assert after_copy(Rung("wait"), confirmed=True, sendings=failures) == Release(forget=False)
    assert after_copy(DeadLetter("dead"), confirmed=True, sendings=failures) == Release(forget=True)
    assert isinstance(after_copy(Rung("wait"), confirmed=False, sendings=failures), Hold)


@pytest.mark.parametrize("looks", COUNTS)
def test_what_was_not_committed_is_looked_at_again(looks: int) -> None:
    """A transaction that lost its claim or its store is neither a success nor a failed attempt."""
    assert after_no_commit(looks) == after_claim(Busy(), looks)


@pytest.mark.parametrize("looks", COUNTS)
def test_only_a_recorded_done_is_acked(looks: int) -> None:
    """DONE that was refused, since the claim had gone to somebody else, is looked at again."""
    assert after_complete(looks, recorded=True) == Ack()
    assert after_complete(looks, recorded=False) == after_claim(Busy(), looks)


def delays_of_failures() -> list[float]:
    """Return how long each failure in a row is held."""
    decisions = [after_handler(claimed=True, succeeded=False, failures=count) for count in range(200)]
    return [decision.seconds for decision in decisions if isinstance(decision, Hold)]


def delays_of_looks() -> list[float]:
    """Return how long each busy look in a row is held."""
    decisions = [after_claim(Busy(), count) for count in range(200)]
    return [decision.seconds for decision in decisions if isinstance(decision, Hold)]


@pytest.mark.parametrize(
    ("delays", "first", "longest"),
    [
        (delays_of_failures(), FIRST_RETRY, LONGEST_RETRY),
        (delays_of_looks(), FIRST_LOOK, LONGEST_LOOK),
    ],
    ids=["failures", "looks"],
)
def test_delays_double_up_to_the_longest(delays: list[float], first: float, longest: float) -> None:
    """Delays begin short, double each time, and stay at the longest for ever."""
    assert delays[0] == first
    assert delays[-1] == longest
    assert all(after == min(longest, 2 * before) for before, after in itertools.pairwise(delays))


@pytest.mark.parametrize("count", [10**6, 10**18])
def test_a_huge_count_is_no_overflow(count: int) -> None:
    """A message that has failed for months is still held, for the longest delay."""
    assert after_handler(claimed=False, succeeded=False, failures=count) == Hold(LONGEST_RETRY)
    assert after_claim(Busy(), count) == Hold(LONGEST_LOOK)
