"""What counts as lost, unexpected and repeated."""

from __future__ import annotations

from tests.faults.checker import Deletion, Effect, Loss, Reason, check


def test_a_run_without_faults_is_sound() -> None:
    """Each message was confirmed, and acted on once."""
    verdict = check({"a": "confirmed", "b": "confirmed"}, [Effect("a", 1), Effect("b", 2)])
    assert verdict.is_sound
    assert (verdict.sent, verdict.acknowledged, verdict.repeated) == (2, 2, {})


def test_a_confirmed_message_without_an_effect_is_lost() -> None:
    """It was promised."""
    verdict = check({"a": "confirmed", "b": "confirmed"}, [Effect("a", 1)])
    assert verdict.lost == {"b"}
    assert not verdict.is_sound


def test_a_message_in_a_dead_letter_queue_is_not_lost() -> None:
    """It is where failed ones go."""
    assert check({"a": "confirmed"}, [], set_aside=["a"]).is_sound


def test_a_message_in_doubt_may_come_or_not() -> None:
    """Nobody was promised anything."""
    verdict = check({"a": "in_doubt", "b": "in_doubt"}, [Effect("a", 1)])
    assert verdict.is_sound
    assert (verdict.in_doubt, verdict.recovered) == (2, 1)


def test_an_effect_of_what_nobody_sent_is_unexpected() -> None:
    """So is one of what was refused."""
    assert check({"a": "refused"}, [Effect("a", 1), Effect("x", 1)]).unexpected == {"a", "x"}


def test_an_effect_twice_is_explained_by_the_death_of_the_first_process() -> None:
    """It may have died before DONE was on disk."""
    effects = [Effect("a", 1), Effect("a", 2)]
    assert check({"a": "confirmed"}, effects, killed={1: 0.0}).is_sound
    verdict = check({"a": "confirmed"}, effects, killed={2: 9.0})
    assert (verdict.repeated, verdict.unexplained, verdict.is_sound) == ({}, (Effect("a", 1),), False)


def test_it_is_the_first_of_two_effects_whose_process_counts() -> None:
    """The first in time, in whatever order they are told."""
    effects = [Effect("a", 2, at=2.0), Effect("a", 1, at=1.0)]
    assert check({"a": "confirmed"}, effects, killed={1: 0.0}).is_sound
    assert not check({"a": "confirmed"}, effects, killed={2: 9.0}).is_sound


def test_a_death_explains_only_effects_after_it() -> None:
    """How long before it the first one was is told."""
    effects = [Effect("a", 1, at=1.0), Effect("a", 2, at=3.0)]
    verdict = check({"a": "confirmed"}, effects, killed={1: 2.5})
    assert (verdict.is_sound, verdict.widest_window) == (True, 1.5)
    assert not check({"a": "confirmed"}, effects, killed={1: 3.5}).is_sound


def test_a_death_explains_no_second_effect_after_one_in_the_transaction_of_done() -> None:
    """Nothing comes between the two."""
    effects = [Effect("a", 1, is_atomic=True), Effect("a", 2)]
    assert not check({"a": "confirmed"}, effects, killed={1: 0.0}).is_sound


def test_a_lost_store_explains_effects_before_and_after_it() -> None:
    """Also one of a worker that had not yet given up; but not two before it, nor two after it."""
    loss = Loss(10.0, 20.0)

    def is_sound(first: float, again: float) -> bool:
        effects = [Effect("a", 1, at=first), Effect("a", 2, at=again, is_atomic=True)]
        return check({"a": "confirmed"}, effects, losses=[loss]).is_sound

    assert is_sound(5.0, 25.0)
    assert is_sound(15.0, 25.0)
    assert not is_sound(5.0, 6.0)
    assert not is_sound(25.0, 26.0)


def test_what_was_in_a_queue_when_it_was_deleted_is_not_lost() -> None:
    """It was confirmed before there was a new queue; what was confirmed later is lost."""
    verdict = check({"a": "confirmed", "b": "confirmed"}, [], deletions=[Deletion(frozenset("a"), most=1)])
    assert (verdict.deleted, verdict.lost) == ({"a"}, {"b"})


def test_more_cannot_be_deleted_with_a_queue_than_was_in_it() -> None:
    """Then nobody knows which ones are lost."""
    receipts = {"a": "confirmed", "b": "confirmed"}
    assert check(receipts, [], deletions=[Deletion(frozenset("ab"), most=1)]).lost == {"a", "b"}


def test_what_a_killed_process_had_asked_for_may_have_its_effect_after_another_one() -> None:
    """A command that it had started goes on by itself."""
    effects = [Effect("a", 2, at=2.0), Effect("a", 1, at=3.0)]
    verdict = check({"a": "confirmed"}, effects, killed={1: 1.0})
    assert (verdict.repeated, verdict.is_sound) == ({Reason.ORPHAN: 1}, True)
    assert not check({"a": "confirmed"}, effects, killed={1: 4.0}).is_sound
