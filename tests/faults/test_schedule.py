"""A seed tells all that will go wrong."""

from __future__ import annotations

from collections import Counter

from tests.faults.schedule import Kind, Strike, flat, possible, schedule

LONG = {Kind.STOP_BROKER, Kind.STOP_WORKER, Kind.BLACK_HOLE}


def strikes(seed: int = 7, *, messages: int = 1000, faults: int = 45, longest: float = 3.0) -> list[Strike]:
    """Make a schedule."""
    return schedule(seed, messages=messages, faults=faults, longest=longest)


def test_a_seed_gives_the_same_schedule_again() -> None:
    """And another seed gives another one."""
    assert strikes(7) == strikes(7)
    assert strikes(7) != strikes(8)


def test_strikes_come_in_order_while_there_is_work() -> None:
    """The last ones leave some messages after themselves."""
    moments = [strike.at for strike in strikes()]
    assert moments == sorted(moments)
    assert moments[0] >= 1
    assert moments[-1] <= 600


def test_each_kind_comes_as_often_as_any_other() -> None:
    """Give or take one."""
    counts = Counter(strike.kind for strike in flat(strikes(faults=2 * len(Kind) + 5)))
    assert set(counts) == set(Kind)
    assert set(counts.values()) == {2, 3}


def test_only_the_kinds_that_are_wanted_come() -> None:
    """However many strikes there are."""
    wanted = (Kind.RESET, Kind.LATENCY)
    assert {each.kind for each in flat(schedule(7, messages=9, faults=9, longest=1.0, kinds=wanted))} == set(wanted)


def test_no_fault_lasts_longer_than_is_said() -> None:
    """One that is a mere moment does not last at all, and one that goes by silence lasts longer."""
    found = list(flat(strikes(faults=100, longest=0.5)))
    assert all(0 <= strike.seconds <= 0.5 for strike in found if strike.kind not in LONG)
    assert 0.5 < max(strike.seconds for strike in found if strike.kind in LONG) <= 6.0
    assert {strike.seconds for strike in found if strike.kind is Kind.RESET} == {0.0}


def test_the_schedule_of_the_smallest_run_is_there() -> None:
    """One message and one fault, or none."""
    assert [strike.at for strike in strikes(messages=1, faults=1)] == [1]
    assert strikes(faults=0) == []


def test_some_faults_come_while_another_one_lasts() -> None:
    """One of another subject each time."""
    pairs = [(strike.kind, strike.inner.kind) for strike in strikes(faults=5000) if strike.inner is not None]
    assert (Kind.BANDWIDTH, Kind.RESTART_BROKER) in pairs
    assert Kind.RESET not in {inner for outer, inner in pairs if outer is Kind.LATENCY}


def test_only_what_there_is_can_be_hit() -> None:
    """A server, or a file, and the leader of a cluster."""
    kinds = (Kind.RESET, Kind.KILL_LEADER, Kind.KILL_STORE, Kind.FILL_STORE)
    assert possible(kinds, has_file=True, has_cluster=False) == (Kind.RESET, Kind.FILL_STORE)
    assert possible(kinds, has_file=False, has_cluster=True) == (Kind.RESET, Kind.KILL_LEADER, Kind.KILL_STORE)
