"""A dedup store in PostgreSQL, shared by workers of any number of machines.

One connection, on which every commit waits for the disk, claims too: workers live through a crash of the server, and a
claim that it undid would have its handler run again, a release that it undid would keep the message until the lease is
over. Beside it, each transaction of a handler has a connection while it lasts, and each count of the keys. Leases go by
the server's clock.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from amqptool.dedup import postgresql_statements as statements
from amqptool.dedup.answers import LostAnswers
from amqptool.dedup.ids import decoded, encoded, stored_id
from amqptool.dedup.interface import (
    LEASE,
    PRUNE_BATCH,
    RETENTION,
    Acquired,
    Busy,
    Claim,
    ClaimLost,
    Counts,
    Entry,
    Key,
    Row,
    State,
    contend,
    in_order,
    may_forget,
)
from amqptool.dedup.owner import is_dead, this_process
from amqptool.dedup.postgresql_server import Line, Server, Transactions
from amqptool.errors import DedupError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import psycopg

#: Seconds beyond the retention for which the name of an owner is kept that has not asked for its number again.
_OWNER_KEPT = 24 * 3600.0


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
        self._line = Line(self._server)
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
        with self._lost.new_token() as token:
            places, new = self._places(wanted), self._new_claim(token)
            [count] = self._ask(statements.CLAIM, wanted=places, **new)
            return in_order(keys, self._claimed(count, dict(zip(places, wanted, strict=True)), token, new))

    def complete(self, claims: Sequence[Acquired]) -> list[bool]:
        """Turn claims into DONE, on the server's disk when this returns."""
        return self._completed(self._write(claims, State.DONE, self.retention), claims)

    def complete_and_claim(self, claims: Sequence[Acquired], keys: Sequence[Key]) -> tuple[list[bool], list[Claim]]:
        """Do both in one statement, which waits for the server's disk once."""
        wanted = list(dict.fromkeys(keys))
        if not claims or not wanted:
            return self.complete(claims), self.claim(keys)
        with self._lost.new_token() as token:
            places, new = self._places(wanted), self._new_claim(token)
            done = {**self._proofs(claims), "state": int(State.DONE), "seconds": self.retention}
            [[written, count]] = self._ask(statements.WRITE_AND_CLAIM, **done, wanted=places, **new)
            completed = self._completed(written, claims)
            found = self._claimed(count, dict(zip(places, wanted, strict=True)), token, new)
        return completed, in_order(keys, found)

    def release(self, claims: Sequence[Acquired], *, failed: bool) -> None:
        """Give claims up."""
        self._write(claims, State.RELEASED, self.retention, failed=failed)

    def discard(self, claims: Sequence[Acquired]) -> None:
        """Give claims up and forget their keys."""
        if claims:
            self._ask(statements.DISCARD, **self._proofs(claims))

    def renew(self, claims: Sequence[Acquired]) -> None:
        """Begin the leases of claims anew."""
        self._write(claims, State.CLAIMED, self.lease)

    def prune(self) -> int:
        """Forget a batch of what is older than the retention."""
        # The next claim asks for the number anew, and so tells that its owner is in use.
        self._line.forget_owner()
        self._ask(statements.PRUNE_OWNERS, seconds=self.retention + _OWNER_KEPT)
        [count] = self._ask(statements.PRUNE, retention=self.retention, limit=PRUNE_BATCH)
        return int(count)

    def counts(self) -> list[Counts]:
        """Count the keys of each scope."""
        rows = self._server.read(statements.COUNT)
        return [Counts(_text(scope), *numbers) for scope, *numbers in rows]

    def find(self, message_id: str) -> list[Entry]:
        """Return what is known of an id."""
        rows = self._ask(statements.FIND, id=stored_id(message_id))
        return [Entry(Key(_text(scope), message_id), _row(*columns)) for scope, *columns in rows]

    def forget(self, keys: Sequence[Key]) -> list[bool]:
        """Forget keys, but for what somebody alive is working on."""
        places = self._places(keys)
        rows, now = self._look(places)
        free = {place: row for place, row in rows.items() if may_forget(row, now, is_dead=is_dead)}
        gone = self._changed(statements.FORGET, free)
        return [place in gone for place in places]

    @property
    def is_taken(self) -> bool:
        """Whether transactions keep the store waiting: never."""
        return False

    @contextmanager
    def transaction(self, claim: Acquired) -> Iterator[psycopg.Connection[Any]]:
        """Give a transaction of the caller's own, in which DONE is written and committed at the end.

        May be called from any threads, also at the same time. After an exception nothing of it is there. The
        connection is used again: it is to be left as it was.

        Raises:
            ClaimLost: the claim is no longer the caller's, or done already; it was rolled back.
            HandlerError: the caller ended the transaction itself; what it committed is there, and DONE is not.
            DedupError: the store cannot be used; claim the key again to learn whether DONE is there.
        """
        with self._handlers.transaction(lambda connection: self._complete_within(connection, claim)) as connection:
            yield connection

    def close(self) -> None:
        """Close the connections; claims stay."""
        self._line.close()
        self._handlers.close()

    def _complete_within(self, connection: psycopg.Connection[Any], claim: Acquired) -> None:
        values = {"state": int(State.DONE), "seconds": self.retention, "now": self._now()}
        written = self._server.cursor(connection).execute(statements.WRITE, self._proofs([claim]) | values, binary=True)
        if written.rowcount != 1:
            raise ClaimLost(f"{claim.key.message_id}: the claim is no longer ours")

    def _open(self, *, create: bool) -> None:
        with self._server.translated("open"):
            connection = self._line.connected()
            if create:
                self._server.create_table(connection)
            elif not self._server.has_table(connection):
                raise DedupError(f"there is no dedup store in {self._server.name}")

    def _new_claim(self, token: str) -> dict[str, Any]:
        owner = self._line.owner(encoded(self._owner), self._now())
        return {"token": token.encode(), "owner": owner, "lease": self.lease}

    def _completed(self, count: int, claims: Sequence[Acquired]) -> list[bool]:
        """Tell which claims are DONE now, where it was written for so many of them."""
        if count == len(claims):
            return [True] * len(claims)
        proofs = self._proofs(claims)
        done = {(bytes(key), bytes(token)) for key, token in self._ask(statements.DONE, **proofs)}
        return [proof in done for proof in zip(proofs["keys"], proofs["tokens"], strict=True)]

    def _claimed(self, count: int, wanted: Mapping[bytes, Key], token: str, new: Mapping[str, Any]) -> dict[Key, Claim]:
        """Tell what became of the claims to keys of which so many were new."""
        claims: dict[Key, Claim] = {key: Acquired(key, token, 1) for key in wanted.values()}
        return claims if count == len(wanted) else claims | self._contend(wanted, token, new)

    def _contend(self, keys: Mapping[bytes, Key], token: str, new: Mapping[str, Any]) -> dict[Key, Claim]:
        """Tell new claims from keys that somebody had claimed before, and take over which of these are free."""
        rows, now = self._look(list(keys))
        dead = cache(is_dead)  # asking for a process takes longer than a row does, and many rows have the same owner
        claims = {
            place: contend(keys[place], self._lost.without_them(row), token, now, is_dead=dead)
            for place, row in rows.items()
        }
        free = {
            place: rows[place]
            for place, claim in claims.items()
            if isinstance(claim, Acquired) and rows[place].token != token
        }
        missed = free.keys() - self._changed(statements.TAKE_OVER, free, **new)
        return {key: Busy() if place in missed else claims.get(place, Busy()) for place, key in keys.items()}

    def _changed(self, statement: str, seen: Mapping[bytes, Row], **new: Any) -> set[bytes]:
        """Change rows that are still as they were seen; return which."""
        if not seen:
            return set()
        rows = seen.values()
        values = {
            "keys": list(seen),
            "states": [row.state for row in rows],
            "tokens": [row.token.encode() for row in rows],
            "attempts": [row.attempt for row in rows],
        }
        return {bytes(place) for [place] in self._ask(statement, **values, **new)}

    def _look(self, places: Sequence[bytes]) -> tuple[dict[bytes, Row], float]:
        """Return what is known of keys, and the time."""
        rows = self._ask(statements.LOOK, keys=places) if places else []
        now = rows[0][-1] if rows else 0.0
        return {bytes(place): _row(*columns) for place, *columns, _ in rows}, now

    def _write(self, claims: Sequence[Acquired], state: State, seconds: float, *, failed: bool = False) -> int:
        """Give claimed rows another state; return for how many it worked."""
        if not claims:
            return 0
        proofs = self._proofs(claims, failed=failed)
        [count] = self._ask(statements.WRITE, **proofs, state=int(state), seconds=seconds)
        return int(count)

    def _proofs(self, claims: Sequence[Acquired], *, failed: bool = False) -> dict[str, Any]:
        return {
            "keys": self._places([claim.key for claim in claims]),
            "tokens": [claim.token.encode() for claim in claims],
            "attempts": [claim.attempt + failed for claim in claims],
        }

    def _places(self, keys: Iterable[Key]) -> list[bytes]:
        """Return keys as the table has them."""
        return [self._number(scope).to_bytes(4, "big") + stored_id(message_id) for scope, message_id in keys]

    def _number(self, scope: str) -> int:
        return self._line.number(encoded(scope))

    def _ask(self, statement: str, **parameters: Any) -> list[Any]:
        return self._line.ask(statement, {"now": self._now(), **parameters})

    def _now(self) -> float | None:
        return self._clock() if self._clock else None


def _row(state: int, token: bytes, owner: bytes, until: float, attempt: int) -> Row:
    return Row(state, _text(token), _text(owner), until, attempt)


def _text(name: bytes) -> str:
    return decoded(bytes(name))
