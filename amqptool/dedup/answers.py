"""Answers that got lost on their way from a server: what was claimed for nobody."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from amqptool.dedup.interface import State
from amqptool.errors import DedupError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amqptool.dedup.interface import Row

#: How many lost answers are remembered. A worker repeats a failed call every second, so these outlast a lease.
REMEMBERED = 1_000


class LostAnswers:
    """The tokens of claims that may have been made without the caller's getting to know.

    Nobody works under such a token, so the next claim of its key takes it over.
    """

    def __init__(self) -> None:
        self._tokens: deque[str] = deque(maxlen=REMEMBERED)

    @contextmanager
    def new_token(self) -> Iterator[str]:
        """Give a token for one call, and remember it when the call fails."""
        token = uuid4().hex
        try:
            yield token
        except DedupError:
            self._tokens.append(token)
            raise

    def without_them(self, row: Row) -> Row:
        """Return a row as it is in truth: a claim of which nobody heard is none."""
        is_nobodys = row.state == State.CLAIMED and row.token in self._tokens
        return row._replace(state=State.RELEASED) if is_nobodys else row
