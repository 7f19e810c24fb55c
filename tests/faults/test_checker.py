"""What counts as lost, unexpected and repeated."""

from __future__ import annotations

from tests.faults.checker import Deletion, Effect, Loss, Reason, Span, check


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
    assert check({"a": "confirmed"}, [], set_aside={"a": True}).is_sound


def test_only_a_message_whose_handler_always_fails_may_be_set_aside() -> None:
    """With any other one, work was given up that could have been done."""
    verdict = check({"a": "confirmed", "b": "confirmed"}, [], set_aside={"a": True, "b": False})
    assert (verdict.innocent, verdict.is_sound) == ({"b"}, False)


def test_a_message_is_not_both_acted_on_and_set_aside() -> None:
    """Somebody would do it again by hand."""
    verdict = check({"a": "confirmed"}, [Effect("a", 1)], set_aside={"a": True})
    assert (verdict.acted_and_set_aside, verdict.is_sound) == ({"a"}, False)


def test_a_message_in_doubt_may_come_or_not() -> None:
    """Nobody was promised anything."""
    verdict = check({"a": "in_doubt", "b": "in_doubt"}, [Effect("a", 1)])
    assert (verdict.sent, verdict.acknowledged, verdict.is_sound) == (2, 0, True)


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


def test_a_death_explains_no_second_effect_after_one_long_before_it() -> None:
    """Its DONE must have been on disk by then."""
    effects = [Effect("a", 1, at=1.0), Effect("a", 2, at=300.0)]
    assert not check({"a": "confirmed"}, effects, killed={1: 200.0}).is_sound
    assert not check({"a": "confirmed"}, [Effect("a", 2, at=1.0), Effect("a", 1, at=300.0)], killed={1: 200.0}).is_sound


def test_a_death_explains_a_second_effect_if_no_done_could_be_written_meanwhile() -> None:
    """As when the store was away all the time."""
    effects = [Effect("a", 1, at=1.0), Effect("a", 2, at=50.0)]
    receipts, killed = {"a": "confirmed"}, {1: 40.0}
    assert check(receipts, effects, killed=killed, held_up=[Span(2.0, 38.0)]).is_sound
    assert not check(receipts, effects, killed=killed, held_up=[Span(30.0, 90.0)]).is_sound


def test_repeated_effects_are_told_apart_by_whether_the_first_was_in_a_transaction() -> None:
    """Only a lost store explains such a one."""
    effects = [Effect("a", 1, is_atomic=True), Effect("a", 2), Effect("b", 1), Effect("b", 2)]
    verdict = check({"a": "confirmed", "b": "confirmed"}, effects, losses=[Loss(0.0, 1.0)])
    assert verdict.repeated == {(Reason.LOSS, True): 1, (Reason.LOSS, False): 1}


def test_what_was_in_a_queue_when_it_was_deleted_is_not_lost() -> None:
    """It was taken out of it just before, or confirmed not long before; what was confirmed at another time is lost."""
    deletion = Deletion(taken=frozenset("a"), recent=frozenset("b"), most=1)
    verdict = check(dict.fromkeys("abc", "confirmed"), [], deletions=[deletion])
    assert (verdict.deleted, verdict.lost) == ({"a", "b"}, {"c"})


def test_more_cannot_be_deleted_with_a_queue_than_were_in_hand() -> None:
    """Beside those that were taken out of it: then nobody knows which of the others are lost."""
    deletion = Deletion(taken=frozenset("a"), recent=frozenset("abc"), most=1)
    assert check(dict.fromkeys("abc", "confirmed"), [], deletions=[deletion]).lost == {"b", "c"}


def test_each_deletion_accounts_for_its_own_messages() -> None:
    """What went with the first queue takes no room in the second one."""
    deletions = [Deletion(frozenset(), frozenset("a"), 1), Deletion(frozenset(), frozenset("ab"), 1)]
    assert check(dict.fromkeys("ab", "confirmed"), [], deletions=deletions).deleted == {"a", "b"}


def test_what_a_killed_process_had_asked_for_may_have_its_effect_after_another_one() -> None:
    """A command that it had started goes on by itself."""
    effects = [Effect("a", 2, at=2.0), Effect("a", 1, at=3.0)]
    verdict = check({"a": "confirmed"}, effects, killed={1: 1.0})
    assert (verdict.repeated, verdict.is_sound) == ({(Reason.ORPHAN, False): 1}, True)
    assert not check({"a": "confirmed"}, effects, killed={1: 4.0}).is_sound
