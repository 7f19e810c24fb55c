"""The lines of `exec-lines:`: what a process is asked, and what its answers mean."""

from __future__ import annotations

import json

import pytest

from amqptool import HandlerError, Reject, Retry
from amqptool.handlers.lines_protocol import outcome, question
from amqptool.records import delivery_to_record
from amqptool.testing import make_delivery


def test_a_question_is_a_record_with_its_number() -> None:
    """What `--output jsonl` writes, with `id` and `attempt`, on one line."""
    delivery = make_delivery(b"a\nb", headers={"n": 1}, attempt=3)
    line = question(7, delivery)
    assert json.loads(line) == {**delivery_to_record(delivery), "id": 7, "attempt": 3}
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")


@pytest.mark.parametrize(
    "answer", ['{"id": 7, "verdict": "ack"}', ' {"verdict":"ack","id":7,"took":0.1,"reason":null}\r']
)
def test_ack_is_success(answer: str) -> None:
    """Keys that mean nothing are left alone."""
    assert outcome(answer.encode(), 7) is None


@pytest.mark.parametrize(
    ("keys", "after", "reason"),
    [
        ("", None, ""),
        (', "after": 30', 30, ""),
        (', "after": 0.5, "reason": "full"', 0.5, "full"),
        (', "after": null', None, ""),
    ],
)
def test_retry_asks_for_another_attempt(keys: str, after: float | None, reason: str) -> None:
    """After so many seconds, and with a reason, if it says so."""
    error = outcome(f'{{"id": 7, "verdict": "retry"{keys}}}'.encode(), 7)
    assert isinstance(error, Retry)
    assert (error.after, str(error)) == (after, reason)


def test_reject_is_for_good() -> None:
    """With its reason."""
    error = outcome(b'{"id": 7, "verdict": "reject", "reason": "no such customer"}', 7)
    assert isinstance(error, Reject)
    assert str(error) == "no such customer"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("", "no JSON"),
        ("starting …", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "the id must be 7"),
        ("{}", "the id must be 7"),
        ('{"id": 6, "verdict": "ack"}', "the id must be 7"),
        ('{"id": "7", "verdict": "ack"}', "the id must be 7"),
        ('{"id": 7.0, "verdict": "ack"}', "the id must be 7"),
        ('{"id": true, "verdict": "ack"}', "the id must be 7"),
        ('{"id": 7}', "the verdict must be ack, retry or reject"),
        ('{"id": 7, "verdict": "ok"}', "the verdict must be ack, retry or reject"),
        ('{"id": 7, "verdict": ["ack"]}', "the verdict must be ack, retry or reject"),
        ('{"id": 7, "verdict": "reject", "reason": 5}', "the reason must be text"),
        ('{"id": 7, "verdict": "retry", "after": "5"}', "`after` must be a number"),
        ('{"id": 7, "verdict": "retry", "after": true}', "`after` must be a number"),
        ('{"id": 7, "verdict": "retry", "after": -1}', "`after` must be a number"),
        ('{"id": 7, "verdict": "retry", "after": NaN}', "`after` must be a number"),
        ('{"id": 7, "verdict": "retry", "after": Infinity}', "`after` must be a number"),
        (f'{{"id": 7, "verdict": "retry", "after": 1{"0" * 400}}}', "`after` must be a number"),
    ],
)
def test_anything_else_is_no_verdict(answer: str, text: str) -> None:
    """It is shown, for its author to see."""
    with pytest.raises(HandlerError, match="which is no verdict") as caught:
        outcome(answer.encode(), 7)
    assert text in str(caught.value)
    assert len(str(caught.value)) < 200


def test_bytes_that_are_no_text_are_no_verdict() -> None:
    """Nor any trouble."""
    with pytest.raises(HandlerError, match="no JSON"):
        outcome(b"\xff\xfe", 7)
