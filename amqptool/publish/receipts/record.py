"""The lines of a file of receipts: from values to text and back."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from amqptool.errors import (
    AccessRefused,
    AmqptoolError,
    InDoubt,
    InputError,
    Nacked,
    NotFound,
    PreconditionFailed,
    Unroutable,
)
from amqptool.message import normalize_message_id

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The outcome of a message that arrived; the only one that is not sent again.
CONFIRMED = "confirmed"
#: The outcome of an item that is no message, and was not sent.
INVALID = "invalid"

#: How a file of receipts begins.
FIRST_WORDS = b'{"run": "'

# The first matching line wins.
_OUTCOMES: tuple[tuple[type[AmqptoolError], str], ...] = (
    (Unroutable, "unroutable"),
    (Nacked, "nacked"),
    (InDoubt, "in_doubt"),
    (NotFound, "not_found"),
    (AccessRefused, "refused"),
    (PreconditionFailed, "refused"),
    (InputError, INVALID),
)

# How `receipt` writes a confirmed message, in plain ASCII; reading ten million of them should not take minutes.
_CONFIRMED_LINE = re.compile(
    rb'\{"id": "[0-9a-f-]{36}", (?:"source": "[ !#-\[\]-~]*", )?"(?:line|number)": ([1-9][0-9]{0,18}), '
    rb'"outcome": "confirmed"\}\n'
)


def outcome_of(error: AmqptoolError) -> str:
    """Return the word for what became of a message that failed."""
    return next((word for kind, word in _OUTCOMES if isinstance(error, kind)), "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is published and how: whatever must be the same when it goes on."""

    id: UUID
    source: Mapping[str, Any]
    options: Mapping[str, Any]

    def line(self) -> str:
        """Return the first line of its receipts."""
        return f"{json.dumps({'run': str(self.id), 'of': self.source, 'with': self.options})}\n"


class MalformedError(Exception):
    """A line is not what it should be."""


def run_from_line(line: bytes) -> Run:
    """Read the first line of a file of receipts.

    Raises:
        MalformedError: it is none.
    """
    match _decoded(line):
        case {"run": str(run), "of": dict(source), "with": dict(options)} if normalize_message_id(run) == run:
            return Run(id=UUID(run), source=source, options=options)
    raise MalformedError


_quoted = json.JSONEncoder().encode


def receipt(message_id: str | None, where: str, outcome: str, reason: str | None = None) -> str:
    """Return the line that says what became of one item; `where` is members of a JSON object."""
    told = "" if reason is None else f', "reason": {_quoted(reason)}'
    return f'{{"id": {_quoted(message_id)}, {where}, "outcome": "{outcome}"{told}}}\n'


def confirmed_number(line: bytes) -> int | None:
    """Return the number of the item that a receipt says is confirmed; None for another outcome.

    Raises:
        MalformedError: the line is no receipt.
    """
    match = _CONFIRMED_LINE.fullmatch(line)
    if match is not None:
        return int(match[1])
    match _decoded(line):
        case {"line": int(number), "outcome": str(outcome)} | {"number": int(number), "outcome": str(outcome)}:
            return number if outcome == CONFIRMED else None
    raise MalformedError


def _decoded(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise MalformedError from error
