"""Lines of receipts, written and read."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amqptool import errors
from amqptool.message import Message
from amqptool.publish.receipts.record import (
    FIRST_WORDS,
    MalformedError,
    Run,
    confirmed_number,
    outcome_of,
    receipt,
    run_from_line,
)

MESSAGE = Message(body=b"")


@settings(deadline=None)
@given(st.none() | st.text(), st.text(), st.integers(1, 10**18), st.sampled_from(["line", "number"]), st.booleans())
def test_a_receipt_is_read_as_it_was_written(
    message_id: str | None, path: str, number: int, key: str, is_confirmed: bool
) -> None:
    """Whatever ids and paths hold, the line is one line of JSON, and its number is found again."""
    where = f'"source": {json.dumps(path)}, "{key}": {number}'
    line = receipt(message_id, where, "confirmed" if is_confirmed else "nacked", None if is_confirmed else "why")
    assert line.count("\n") == 1
    assert json.loads(line) == {
        "id": message_id,
        "source": path,
        key: number,
        **({"outcome": "confirmed"} if is_confirmed else {"outcome": "nacked", "reason": "why"}),
    }
    assert confirmed_number(line.encode()) == (number if is_confirmed else None)


def test_the_fast_way_and_the_slow_way_agree() -> None:
    """The usual line is read by a pattern; the same with other spaces is read as JSON."""
    line = receipt(str(uuid4()), '"source": "f", "line": 7', "confirmed")
    assert confirmed_number(line.encode()) == confirmed_number(line.replace(" ", "").encode()) == 7


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"{}\n",
        b"[]\n",
        b"null\n",
        b"\x00\x00\x00\n",
        b"\xff\n",
        b'{"line": 1}\n',
        b'{"line": "1", "outcome": "confirmed"}\n',
        b'{"id": "6f1c3b2e-9f0a-4c3d-8e47-2b1a0c9d8e7f", "li{"id": null, "line": 1, "outcome": "nacked"}\n',
        b'{"id": "6f1c3b2e-9f0a-4c3d-8e47-2b1a0c9d8e7f", "line": 1, "outcome": "confirmed"}}\n',
    ],
)
def test_anything_else_is_no_receipt(line: bytes) -> None:
    """A damaged line is never taken for one."""
    with pytest.raises(MalformedError):
        confirmed_number(line)


def test_a_run_is_read_as_it_was_written() -> None:
    """Its line holds all of it, and begins as the file is known by."""
    run = Run(id=uuid4(), source={"bytes": 1, "sha256": "x"}, options={"headers": {"a": [1, None]}})
    line = run.line().encode()
    assert line.startswith(FIRST_WORDS)
    assert run_from_line(line) == run


@pytest.mark.parametrize("line", [b"", b"{}", b"[1]", b"x", b'{"run": "1", "of": {}, "with": {}}', b'{"run": 1}'])
def test_anything_else_is_no_run(line: bytes) -> None:
    """Another file is told from a file of receipts."""
    with pytest.raises(MalformedError):
        run_from_line(line)


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (errors.Unroutable("", MESSAGE), "unroutable"),
        (errors.Nacked("", MESSAGE), "nacked"),
        (errors.InDoubt("", MESSAGE), "in_doubt"),
        (errors.NotFound(""), "not_found"),
        (errors.AccessRefused(""), "refused"),
        (errors.PreconditionFailed(""), "refused"),
        (errors.InputError(""), "invalid"),
        (errors.BrokerUnavailable(""), "failed"),
    ],
)
def test_each_error_has_a_word(error: errors.AmqptoolError, word: str) -> None:
    """The words are those of receipts."""
    assert outcome_of(error) == word


def test_the_run_id_is_a_uuid() -> None:
    """A run's id is one, so that ids can be made of it."""
    assert isinstance(run_from_line(Run(id=uuid4(), source={}, options={}).line().encode()).id, UUID)
