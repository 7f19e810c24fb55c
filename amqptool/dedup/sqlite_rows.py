"""The rows of the SQLite store, as one transaction reads and writes them."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from amqptool.dedup.ids import decoded, encoded, stored_id
from amqptool.dedup.interface import Acquired, Claim, Key, Row, State, contend, may_forget
from amqptool.dedup.owner import is_alive, is_dead

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, ItemsView, Iterable, Sequence

T = TypeVar("T")

_NUMBER = "SELECT number FROM amqptool_dedup_name WHERE name = ? AND unused_since IS NULL"
_USE = "INSERT INTO amqptool_dedup_name (name) VALUES (?) ON CONFLICT (name) DO UPDATE SET unused_since = NULL"
# Ids are 16 bytes each, so a batch of them is one value, and one statement takes it: a statement for each id would
# give the interpreter to the other threads and wait to have it back, once a message.
_IDS = """
WITH RECURSIVE place (start) AS (SELECT 1 UNION ALL SELECT start + 16 FROM place WHERE start + 16 < length(:ids))
SELECT substr(:ids, start, 16) AS id FROM place
"""
# The states are those of `State`: 1 claimed, 2 done, 3 released.
_INSERT = f"""
INSERT INTO amqptool_dedup (scope, id, state, token, owner, until, attempt)
SELECT :scope, id, 1, :token, :owner, :until, 1 FROM ({_IDS}) WHERE true
ON CONFLICT DO NOTHING
"""  # noqa: S608
_SELECT = """
SELECT state, token, name, until, attempt
FROM amqptool_dedup JOIN amqptool_dedup_name AS owners ON owners.number = owner
WHERE scope = ? AND id = ?
"""
_TAKE = "UPDATE amqptool_dedup SET state = 1, token = ?, owner = ?, until = ? WHERE scope = ? AND id = ?"
_OURS = f"scope = :scope AND id IN ({_IDS}) AND state = 1 AND token = :token"
_WRITE = f"UPDATE amqptool_dedup SET state = :state, until = :until, attempt = :attempt WHERE {_OURS}"  # noqa: S608
_IS_DONE = "SELECT 1 FROM amqptool_dedup WHERE scope = ? AND id = ? AND state = 2 AND token = ?"
_DISCARD = f"DELETE FROM amqptool_dedup WHERE {_OURS}"  # noqa: S608
_FORGET = "DELETE FROM amqptool_dedup WHERE scope = ? AND id = ?"
_PRUNE = """
DELETE FROM amqptool_dedup WHERE number IN (
    SELECT number FROM (SELECT number, state, until FROM amqptool_dedup ORDER BY number LIMIT :oldest)
    WHERE until < :now AND (state <> 1 OR until < :now - :retention) LIMIT :limit
)
"""
_PRUNE_NAMES = """
DELETE FROM amqptool_dedup_name WHERE number IN (
    SELECT number FROM amqptool_dedup_name
    WHERE unused_since < coalesce((SELECT min(number) FROM amqptool_dedup), unused_since + 1) LIMIT :limit
)
"""
_SUSPECT_NAMES = """
UPDATE amqptool_dedup_name SET unused_since = coalesce((SELECT max(number) FROM amqptool_dedup), 0)
WHERE number IN (SELECT number FROM amqptool_dedup_name WHERE unused_since IS NULL LIMIT :limit)
"""


#: How many of the oldest rows are looked at when pruning; those that must stay among them are few, and not for ever.
_OLDEST = 20_000


class Rows:
    """The rows during one transaction, at one time."""

    def __init__(self, connection: sqlite3.Connection, now: float) -> None:
        self._connection = connection
        self._now = now
        # Not for longer: the next transaction of another process may prune names, and give their numbers to others.
        self._numbers: dict[str, int] = {}
        # Asking for a process takes longer than a row does, and many rows have the same owner.
        self._is_dead, self._is_alive = cache(is_dead), cache(is_alive)

    def claim(self, keys: Collection[Key], token: str, owner: str, lease: float) -> dict[Key, Claim]:
        """Claim keys, all different; those that are not new one by one."""
        if not keys:
            return {}
        number, until = self._number(owner), self._now + lease
        new = {"token": token, "owner": number, "until": until}
        by_scope = _grouped((key.scope, key) for key in keys)
        inserted = sum(self._execute(_INSERT, scope, there, new) for scope, there in by_scope)
        if inserted == len(keys):
            return {key: Acquired(key, token, 1) for key in keys}
        return {key: self._contend(key, token, number, until) for key in keys}

    def write(self, claims: Sequence[Acquired], state: State, seconds: float, *, failed: bool = False) -> int:
        """Give claimed rows another state; return for how many it worked."""
        new = {"state": state, "until": self._now + seconds}
        alike = _grouped(((claim.key.scope, claim.token, claim.attempt), claim.key) for claim in claims)
        return sum(
            self._execute(_WRITE, scope, keys, new | {"token": token, "attempt": attempt + failed})
            for (scope, token, attempt), keys in alike
        )

    def is_done(self, claim: Acquired) -> bool:
        """Return whether a key is done by a claim's token."""
        return self._connection.execute(_IS_DONE, (*self._place(claim.key), claim.token)).fetchone() is not None

    def discard(self, claims: Sequence[Acquired]) -> None:
        """Delete claimed rows."""
        for (scope, token), keys in _grouped(((claim.key.scope, claim.token), claim.key) for claim in claims):
            self._execute(_DISCARD, scope, keys, {"token": token})

    def forget(self, key: Key) -> bool:
        """Delete a row, unless somebody alive is working on it; return whether it went."""
        found = self._connection.execute(_SELECT, self._place(key)).fetchone()
        if found is None:
            return False
        row = row_of(*found)
        if not may_forget(row, self._now, is_dead=self._is_dead, is_alive=self._is_alive):
            return False
        self._connection.execute(_FORGET, self._place(key))
        return True

    def prune(self, retention: float, limit: int) -> int:
        """Delete the oldest rows of those that may be forgotten, and names that no row has; return how many rows."""
        values = {"now": self._now, "retention": retention, "limit": limit, "oldest": _OLDEST}
        count = self._connection.execute(_PRUNE, values).rowcount
        for statement in (_PRUNE_NAMES, _SUSPECT_NAMES):
            self._connection.execute(statement, {"limit": limit})
        return count

    def _execute(self, statement: str, scope: str, keys: Sequence[Key], values: dict[str, object]) -> int:
        """Execute a statement for many ids of one scope; return for how many it did something."""
        ids = b"".join(sorted([stored_id(key.message_id) for key in keys]))  # in the order of the index
        return self._connection.execute(statement, values | {"scope": self._number(scope), "ids": ids}).rowcount

    def _contend(self, key: Key, token: str, owner: int, until: float) -> Claim:
        row = row_of(*self._connection.execute(_SELECT, self._place(key)).fetchone())
        claim = contend(key, row, token, self._now, is_dead=self._is_dead, is_alive=self._is_alive)
        if isinstance(claim, Acquired) and row.token != token:
            self._connection.execute(_TAKE, (token, owner, until, *self._place(key)))
        return claim

    def _place(self, key: Key) -> tuple[int, bytes]:
        return self._number(key.scope), stored_id(key.message_id)

    def _number(self, text: str) -> int:
        """Return the number of a name, which is in use from now on."""
        if text not in self._numbers:
            name = (encoded(text),)
            found = self._connection.execute(_NUMBER, name).fetchone()
            if found is None:
                self._connection.execute(_USE, name)
                found = self._connection.execute(_NUMBER, name).fetchone()
            (self._numbers[text],) = found
        return self._numbers[text]


def row_of(state: int, token: str, owner: bytes, until: float, attempt: int) -> Row:
    """Return a row as it is selected."""
    return Row(state, token, decoded(owner), until, attempt)


def _grouped(pairs: Iterable[tuple[T, Key]]) -> ItemsView[T, list[Key]]:
    """Return the keys of each group."""
    groups: defaultdict[T, list[Key]] = defaultdict(list)
    for group, key in pairs:
        groups[group].append(key)
    return groups.items()
