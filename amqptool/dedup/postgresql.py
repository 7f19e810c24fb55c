"""A dedup store in PostgreSQL, shared by workers of any number of machines.

Two connections: claims commit without waiting for the disk (`synchronous_commit=off`: visible to others at
once, and a crash of the server undoes at worst the last claims), DONE waits for it. Leases go by the
server's clock.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from amqptool.dedup import postgresql_statements as statements
from amqptool.dedup.answers import LostAnswers
from amqptool.dedup.interface import (
    LEASE,
    PRUNE_BATCH,
    RETENTION,
    Acquired,
    Busy,
    Claim,
    ClaimLost,
    Counts,
    Done,
    Entry,
    Key,
    Row,
    State,
    in_order,
    may_forget,
)
from amqptool.dedup.owner import is_dead, this_process
from amqptool.dedup.postgresql_server import Line, Server, Transactions
from amqptool.errors import DedupError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import psycopg


class PostgresqlStore:
    """A store in the table `amqptool_dedup` of a database, made when it is not there.

    Raises:
        ConfigError: the URL cannot be used, or psycopg is not installed.
        DedupError: the server cannot be reached, or there is no table and `create` is not set.
    """

    def __init__(
        self,
        url: str,
        *,
        lease: float = LEASE,
        retention: float = RETENTION,
        clock: Callable[[], float] | None = None,
        owner: str | None = None,
        create: bool = True,
    ) -> None:
        """Connect; `clock` takes the place of the server's, and `owner` that of this process's name."""
        self.lease = lease
        self.retention = retention
        self._clock = clock
        self._owner = owner or str(this_process())
        self._lost = LostAnswers()
        self._server = Server(url)
        self._claims = Line(self._server, durable=False)
        self._dones = Line(self._server, durable=True)
        self._handlers = Transactions(self._server)
        try:
            self._open(create=create)
        except BaseException:
            self.close()
            raise

    def claim(self, keys: Sequence[Key]) -> list[Claim]:
        """Claim keys."""
        wanted = list(dict.fromkeys(keys))
        if not wanted:
            return []
        claims: dict[Key, Claim] = dict.fromkeys(wanted, Busy())
        with self._lost.new_token() as token:
            new = {"token": token, "owner": self._owner, "lease": self.lease}
            claims |= _acquired(token, self._ask(self._claims, statements.CLAIM, **_columns(wanted), **new))
            rows = self._look([key for key in wanted if claims[key] == Busy()])
            claims |= {key: Done() for key, (row, _) in rows.items() if row.state == State.DONE}
            claims |= self._take_over(rows, new)
        return in_order(keys, claims)

    def complete(self, claims: Sequence[Acquired]) -> list[bool]:
        """Turn claims into DONE, on the server's disk when this returns."""
        recorded = self._write(self._dones, claims, State.DONE, self.retention)
        proofs = {(bytes(scope), bytes(message_id), token) for scope, message_id, token, _state in recorded}
        return [(*_encoded(claim.key), claim.token) in proofs for claim in claims]

    def release(self, claims: Sequence[Acquired], *, failed: bool) -> None:
        """Give claims up."""
        self._write(self._claims, claims, State.RELEASED, self.retention, failed=failed)

    def discard(self, claims: Sequence[Acquired]) -> None:
        """Give claims up and forget their keys."""
        if claims:
            self._ask(self._claims, statements.DISCARD, **_proofs(claims), state=int(State.CLAIMED))

    def renew(self, claims: Sequence[Acquired]) -> None:
        """Begin the leases of claims anew."""
        self._write(self._claims, claims, State.CLAIMED, self.lease)

    def prune(self) -> int:
        """Forget a batch of what is older than the retention."""
        [count] = self._ask(self._claims, statements.PRUNE, retention=self.retention, limit=PRUNE_BATCH)
        return int(count)

    def counts(self) -> list[Counts]:
        """Count the keys of each scope."""
        rows = self._ask(self._claims, statements.COUNT)
        return [Counts(bytes(scope).decode(), *numbers) for scope, *numbers in rows]

    def find(self, message_id: str) -> list[Entry]:
        """Return what is known of an id."""
        rows = self._ask(self._claims, statements.FIND, id=message_id.encode())
        return [Entry(Key(bytes(scope).decode(), message_id), Row(*row)) for scope, *row in rows]

    def forget(self, keys: Sequence[Key]) -> list[bool]:
        """Forget keys, but for what somebody alive is working on."""
        seen = self._ask(self._claims, statements.LOOK, **_columns(dict.fromkeys(keys))) if keys else []
        free = {
            _key(scope, message_id): row
            for scope, message_id, *columns, now in seen
            if may_forget(row := Row(*columns), now, owner_is_dead=is_dead(row.owner))
        }
        gone = {_key(*row) for row in self._ask(self._claims, statements.FORGET, **_seen(free))} if free else set()
        return [key in gone for key in keys]

    @contextmanager
    def transaction(self, claim: Acquired) -> Iterator[psycopg.Connection[Any]]:
        """Give a transaction of the caller's own, in which DONE is written and committed at the end.

        May be called from any threads, also at the same time. After an exception nothing of it is there. The
        connection is used again: it is to be left as it was.

        Raises:
            ClaimLost: the claim is no longer the caller's, or done already; it was rolled back.
            HandlerError: the caller ended the transaction itself.
            DedupError: the store cannot be used; claim the key again to learn whether DONE is there.
        """
        with self._handlers.transaction(lambda connection: self._complete_within(connection, claim)) as connection:
            yield connection

    def close(self) -> None:
        """Close the connections; claims stay."""
        self._claims.close()
        self._dones.close()
        self._handlers.close()

    def _complete_within(self, connection: psycopg.Connection[Any], claim: Acquired) -> None:
        values = {"state": int(State.DONE), "seconds": self.retention, "now": self._now()}
        written = self._server.cursor(connection).execute(statements.WRITE, _proofs([claim]) | values, binary=True)
        if [state for *_, state in written] != [State.CLAIMED]:
            raise ClaimLost(f"{claim.key.message_id}: the claim is no longer ours")

    def _open(self, *, create: bool) -> None:
        with self._server.translated("open"):
            connection = self._dones.connected()
            if create:
                self._server.create_table(connection)
            elif not self._server.has_table(connection):
                raise DedupError(f"there is no dedup store in {self._server.name}")

    def _look(self, keys: Sequence[Key]) -> dict[Key, tuple[Row, float]]:
        """Return what is known of keys, and the time."""
        rows = self._ask(self._claims, statements.LOOK, **_columns(keys)) if keys else []
        return {_key(scope, message_id): (Row(*columns), now) for scope, message_id, *columns, now in rows}

    def _take_over(self, rows: Mapping[Key, tuple[Row, float]], new: Mapping[str, Any]) -> dict[Key, Claim]:
        free = {
            key: row
            for key, (row, now) in rows.items()
            if row.state == State.CLAIMED and (row.lease_until <= now or self._lost.is_nobodys(row.token, row.owner))
        }
        if not free:
            return {}
        taken = self._ask(self._claims, statements.TAKE_OVER, **_seen(free), **new)
        return _acquired(new["token"], taken, interrupted=True)

    def _write(
        self, line: Line, claims: Sequence[Acquired], state: State, seconds: float, *, failed: bool = False
    ) -> list[Any]:
        if not claims:
            return []
        proofs = _proofs(claims, failed=failed)
        return self._ask(line, statements.WRITE, **proofs, state=int(state), seconds=seconds)

    def _ask(self, line: Line, statement: str, **parameters: Any) -> list[Any]:
        return line.ask(statement, {"now": self._now(), **parameters})

    def _now(self) -> float | None:
        return self._clock() if self._clock else None


def _columns(keys: Iterable[Key]) -> dict[str, Any]:
    encoded = [_encoded(key) for key in keys]
    return {"scopes": [scope for scope, _ in encoded], "ids": [message_id for _, message_id in encoded]}


def _proofs(claims: Sequence[Acquired], *, failed: bool = False) -> dict[str, Any]:
    tokens, attempts = [claim.token for claim in claims], [claim.attempt + failed for claim in claims]
    return {**_columns(claim.key for claim in claims), "tokens": tokens, "attempts": attempts}


def _seen(rows: Mapping[Key, Row]) -> dict[str, Any]:
    states, tokens = [row.state for row in rows.values()], [row.token for row in rows.values()]
    return {**_columns(rows), "states": states, "seen_tokens": tokens}


def _acquired(token: str, rows: Iterable[tuple[bytes, bytes, int]], *, interrupted: bool = False) -> dict[Key, Claim]:
    keys = ((_key(scope, message_id), attempt) for scope, message_id, attempt in rows)
    return {key: Acquired(key, token, attempt, interrupted) for key, attempt in keys}


def _encoded(key: Key) -> tuple[bytes, bytes]:
    return key.scope.encode(), key.message_id.encode()


def _key(scope: bytes, message_id: bytes) -> Key:
    return Key(scope.decode(), message_id.decode())
