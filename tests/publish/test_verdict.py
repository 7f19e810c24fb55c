"""What is to happen to messages that were not confirmed."""

from __future__ import annotations

import pytest

from amqptool.errors import (
    AccessRefused,
    AmqptoolError,
    BrokerError,
    BrokerUnavailable,
    InDoubt,
    InputError,
    Nacked,
    NotFound,
    PreconditionFailed,
    Unroutable,
)
from amqptool.message import Message, Returned
from amqptool.publish.outcome import Confirmed, Failed
from amqptool.publish.verdict import Loss, after_ack, after_giving_up, after_nack, judge_loss
from amqptool.publish.window import InFlight

HERE = Message(body=b"", exchange="here")
GONE = Message(body=b"", exchange="gone")
BOBS = Message(body=b"", user_id="bob")
WITHOUT_ID = Message(body=b"", message_id=None)

LOST = BrokerUnavailable("the connection was lost")
NO_EXCHANGE = NotFound("NOT_FOUND - no exchange 'gone' in vhost '/'")
NO_ACCESS = AccessRefused("ACCESS_REFUSED - access to exchange 'here' in vhost '/' refused for user 'u'")
FOREIGN = PreconditionFailed("PRECONDITION_FAILED - user_id property set to 'bob' but authenticated user was 'guest'")
RIDDLE = BrokerError("UNEXPECTED_FRAME - what is this", reply_code=505)


def entry(message: Message = HERE, *, number: int = 1, returned: bool = False) -> InFlight[None]:
    """Make a message in flight, sent at second 10."""
    back = Returned(message=message, reply_code=312, reply_text="NO_ROUTE") if returned else None
    return InFlight(message, None, number, 0, first_sent_at=10.0, sent_at=10.0, returned=back)


def loss(reason: AmqptoolError, *, since: float = 20.0, now: float = 20.0) -> Loss:
    """Make a loss, with a patience of a minute."""
    return Loss(reason, since=since, now=now, patience=60.0)


def test_an_ack_confirms() -> None:
    """The time counts from the first publish, whatever came between."""
    sent = entry()
    sent.sends, sent.sent_at = 3, 15.0
    assert after_ack(sent, 16.0) == Confirmed(HERE, 6.0, 3)


def test_the_ack_of_a_returned_message_is_no_success() -> None:
    """RabbitMQ acks what it could not route, after it has returned it."""
    outcome = after_ack(entry(returned=True), 16.0)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, Unroutable)


@pytest.mark.parametrize("retries", [0, 1, 5])
def test_a_nacked_message_is_sent_again_so_often(retries: int) -> None:
    """After the last retry it has failed, and says how often."""
    sent = entry()
    assert [after_nack(sent, retries) for _ in range(retries)] == [None] * retries
    failed = after_nack(sent, retries)
    assert failed is not None
    assert isinstance(failed.error, Nacked)
    assert (f"{retries + 1} times" in str(failed.error)) == (retries > 0)


def test_a_nacked_message_without_an_id_is_not_sent_again() -> None:
    """One of several queues may have taken it, and nobody could tell the repetition."""
    failed = after_nack(entry(WITHOUT_ID), 5)
    assert failed is not None
    assert isinstance(failed.error, Nacked)


def test_a_nack_clears_of_suspicion() -> None:
    """A message that the broker has answered is not the one that it refuses to look at."""
    sent = entry()
    sent.suspect = True
    after_nack(sent, 5)
    assert not sent.suspect


def test_what_a_lost_connection_left_is_sent_again() -> None:
    """All of it, and it is in doubt from now on."""
    entries = [entry(number=1), entry(number=2)]
    assert [failed for _, failed in judge_loss(entries, loss(LOST))] == [None, None]
    assert {each.in_doubt_since for each in entries} == {20.0}
    assert not any(each.suspect for each in entries)


def test_what_has_no_id_ends_in_doubt() -> None:
    """It cannot be told from a repetition, so there is none."""
    ((_, failed),) = judge_loss([entry(WITHOUT_ID)], loss(LOST))
    assert failed is not None
    assert isinstance(failed.error, InDoubt)
    assert "without an id" in str(failed.error)


@pytest.mark.parametrize(("now", "again"), [(20.0, True), (79.9, True), (80.0, False)])
def test_a_message_is_in_doubt_for_so_long(now: float, again: bool) -> None:
    """The time counts from the first doubt, through any number of reconnects."""
    sent = entry()
    judge_loss([sent], loss(LOST))
    ((_, failed),) = judge_loss([sent], loss(LOST, since=now, now=now))
    assert (failed is None) is again
    if failed is not None:
        assert isinstance(failed.error, InDoubt)


@pytest.mark.parametrize(
    ("messages", "reason", "refused"),
    [
        ([BOBS], FOREIGN, [InputError]),
        ([HERE, BOBS, GONE, BOBS], FOREIGN, [None, InputError, None, InputError]),
        ([GONE, HERE], NO_ACCESS, [None, AccessRefused]),
        ([GONE], RIDDLE, [BrokerError]),
        ([HERE, GONE], RIDDLE, [None, None]),
        ([HERE, GONE], NO_EXCHANGE, [None, None]),  # looked for again first
        ([GONE], NO_EXCHANGE, [None]),
        ([HERE], LOST, [None]),
        ([WITHOUT_ID, BOBS], FOREIGN, [InDoubt, InputError]),
        ([], RIDDLE, []),
    ],
)
def test_only_what_the_broker_refused_fails(
    messages: list[Message], reason: AmqptoolError, refused: list[type[AmqptoolError] | None]
) -> None:
    """The message that the broker's words fit, or the only one in flight, fails with them; the rest goes again."""
    entries = [entry(message, number=number) for number, message in enumerate(messages)]
    verdicts = judge_loss(entries, loss(reason))
    assert [each for each, _ in verdicts] == entries
    assert [None if failed is None else type(failed.error) for _, failed in verdicts] == refused


def test_when_nobody_is_named_all_are_suspects() -> None:
    """Each is to be sent alone, so that the broker's next refusal can only be its own."""
    entries = [entry(number=1), entry(GONE, number=2)]
    judge_loss(entries, loss(RIDDLE))
    assert all(each.suspect for each in entries)
    ((_, failed),) = judge_loss([entries[1]], loss(RIDDLE))
    assert failed == Failed(GONE, RIDDLE)


def test_giving_up_tells_a_nack_from_a_doubt() -> None:
    """What was nacked and waits is known not to have arrived; what was in flight is not."""
    nacked, lost = entry(), entry()
    after_nack(nacked, 5)
    judge_loss([lost], loss(LOST))
    assert isinstance(after_giving_up(nacked, LOST).error, Nacked)
    assert isinstance(after_giving_up(lost, LOST).error, InDoubt)
