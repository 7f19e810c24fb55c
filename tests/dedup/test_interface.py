"""The one rule by which claims contend."""

from __future__ import annotations

import pytest

from amqptool.dedup.interface import Acquired, Busy, Claim, Done, Key, Row, State, contend, may_forget

KEY, NOW = Key("scope", "id"), 100.0
INTERRUPTED, GIVEN_UP = Acquired(KEY, "ours", 3, interrupted=True), Acquired(KEY, "ours", 3)


def is_dead(owner: str) -> bool:
    """Return whether an owner has certainly ended."""
    return owner == "dead"


def is_alive(owner: str) -> bool:
    """Return whether an owner certainly still runs."""
    return owner == "alive"


@pytest.mark.parametrize(
    ("state", "token", "owner", "until", "claim"),
    [
        (State.DONE, "theirs", "dead", 0.0, Done()),
        (State.DONE, "ours", "dead", 0.0, Done()),
        (State.CLAIMED, "ours", "unknown", 101.0, GIVEN_UP),
        (State.CLAIMED, "theirs", "unknown", 100.1, Busy()),
        (State.CLAIMED, "theirs", "unknown", 100.0, INTERRUPTED),
        (State.CLAIMED, "theirs", "alive", 0.0, Busy()),
        (State.CLAIMED, "theirs", "dead", 101.0, INTERRUPTED),
        (State.RELEASED, "theirs", "alive", 101.0, GIVEN_UP),
        (State.RELEASED, "theirs", "dead", 0.0, GIVEN_UP),
    ],
)
def test_what_becomes_of_a_key(state: State, token: str, owner: str, until: float, claim: Claim) -> None:
    """DONE suppresses, a row of one's own is one's own, and others' are free by release, death or lease."""
    row = Row(state, token, owner, until, attempt=3)
    found = contend(KEY, row, "ours", NOW, is_dead=is_dead, is_alive=is_alive)

    assert found == claim


@pytest.mark.parametrize(
    ("state", "owner", "until", "free"),
    [
        (State.DONE, "alive", 101.0, True),
        (State.RELEASED, "alive", 101.0, True),
        (State.CLAIMED, "alive", 0.0, False),
        (State.CLAIMED, "unknown", 101.0, False),
        (State.CLAIMED, "unknown", 100.0, True),
        (State.CLAIMED, "dead", 101.0, True),
    ],
)
def test_what_may_be_forgotten(state: State, owner: str, until: float, free: bool) -> None:
    """Everything but what somebody alive is working on."""
    row = Row(state, "theirs", owner, until, attempt=1)

    assert may_forget(row, NOW, is_dead=is_dead, is_alive=is_alive) is free
