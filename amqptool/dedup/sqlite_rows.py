"""The rows of the SQLite store, as one transaction reads and writes them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from amqptool.dedup.ids import stored_id
from amqptool.dedup.interface import Acquired, Busy, Claim, Done, Key, Row, State, may_forget, may_take
from amqptool.dedup.owner import is_alive, is_dead

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Sequence

_NAME = "INSERT INTO name (text) VALUES (?) ON CONFLICT DO NOTHING"
_NUMBER = "SELECT number FROM name WHERE text = ?"
# The states are those of `State`: 1 claimed, 2 done, 3 released.
_INSERT = """
INSERT INTO message (scope, id, state, token, owner, until, attempt) VALUES (?, ?, 1, ?, ?, ?, 1)
ON CONFLICT DO NOTHING
"""
_SELECT = """
SELECT state, token, text, until, attempt FROM message JOIN name ON name.number = owner WHERE scope = ? AND id = ?
"""
_TAKE = "UPDATE message SET state = 1, token = ?, owner = ?, until = ? WHERE scope = ? AND id = ?"
_WRITE = """
UPDATE message SET state = ?, until = ?, attempt = ? WHERE scope = ? AND id = ? AND state = 1 AND token = ?
"""
_IS_DONE = "SELECT 1 FROM message WHERE scope = ? AND id = ? AND state = 2 AND token = ?"
_DISCARD = "DELETE FROM message WHERE scope = ? AND id = ? AND state = 1 AND token = ?"
_FORGET = "DELETE FROM message WHERE scope = ? AND id = ?"
_PRUNE = """
DELETE FROM message WHERE number IN (
    SELECT number FROM (SELECT number, state, until FROM message ORDER BY number LIMIT :oldest)
    WHERE until < :now AND (state <> 1 OR until < :now - :retention) LIMIT :limit
)
"""


#: How many of the oldest rows are looked at when pruning; those that must stay among them are few, and not for ever.
_OLDEST = 20_000


class Rows:
    """The rows during one transaction, at one time."""

    def __init__(self, connection: sqlite3.Connection, now: float) -> None:
        self._connection = connection
        self._now = now
        self._numbers: dict[str, int] = {}
        # Asking for a process takes longer than a row does, and many rows have the same owner.
        self._is_dead, self._is_alive = cache(is_dead), cache(is_alive)

    def claim(self, keys: Collection[Key], token: str, owner: str, lease: float) -> dict[Key, Claim]:
        """Claim keys, all different; those that are not new one by one."""
        number, until = self._number(owner), self._now + lease
        rows = [(*self._place(key), token, number, until) for key in keys]
        if self._connection.executemany(_INSERT, rows).rowcount == len(rows):
            return {key: Acquired(key, token, 1) for key in keys}
        return {key: self._contend(key, token, number, until) for key in keys}

    def write(self, claims: Sequence[Acquired], state: State, seconds: float, *, failed: bool = False) -> int:
        """Give claimed rows another state; return for how many it worked."""
        until = self._now + seconds
        rows = [(state, until, claim.attempt + failed, *self._place(claim.key), claim.token) for claim in claims]
        return self._connection.executemany(_WRITE, rows).rowcount

    def is_done(self, claim: Acquired) -> bool:
        """Return whether a key is done by a claim's token."""
        return self._connection.execute(_IS_DONE, (*self._place(claim.key), claim.token)).fetchone() is not None

    def discard(self, claims: Sequence[Acquired]) -> None:
        """Delete claimed rows."""
        self._connection.executemany(_DISCARD, [(*self._place(claim.key), claim.token) for claim in claims])

    def forget(self, key: Key) -> bool:
        """Delete a row, unless somebody alive is working on it; return whether it went."""
        found = self._connection.execute(_SELECT, self._place(key)).fetchone()
        if found is None:
            return False
        row = Row(*found)
        if not may_forget(row, self._now, **self._life_of(row)):
            return False
        self._connection.execute(_FORGET, self._place(key))
        return True

    def prune(self, retention: float, limit: int) -> int:
        """Delete the oldest rows of those that may be forgotten; return how many."""
        values = {"now": self._now, "retention": retention, "limit": limit, "oldest": _OLDEST}
        return self._connection.execute(_PRUNE, values).rowcount

    def _contend(self, key: Key, token: str, owner: int, until: float) -> Claim:
        row = Row(*self._connection.execute(_SELECT, self._place(key)).fetchone())
        if row.state == State.DONE:
            return Done()
        if row.token == token:  # just inserted
            return Acquired(key, token, row.attempt)
        if not may_take(row, self._now, **self._life_of(row)):
            return Busy()
        self._connection.execute(_TAKE, (token, owner, until, *self._place(key)))
        return Acquired(key, token, row.attempt, interrupted=row.state == State.CLAIMED)

    def _life_of(self, row: Row) -> dict[str, bool]:
        return {"owner_is_dead": self._is_dead(row.owner), "owner_is_alive": self._is_alive(row.owner)}

    def _place(self, key: Key) -> tuple[int, str | bytes]:
        return self._numbers.get(key.scope) or self._number(key.scope), stored_id(key.message_id)

    def _number(self, text: str) -> int:
        number = self._numbers.get(text)
        if number is None:
            self._connection.execute(_NAME, (text,))
            number = self._numbers[text] = int(self._connection.execute(_NUMBER, (text,)).fetchone()[0])
        return number
