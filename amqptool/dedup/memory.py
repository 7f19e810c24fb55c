"""A dedup store in memory: for tests, and for workers that may forget when they end."""

from __future__ import annotations

import time
from collections import Counter
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING
from uuid import uuid4

from amqptool.dedup.interface import (
    LEASE,
    PRUNE_BATCH,
    RETENTION,
    Acquired,
    Claim,
    Counts,
    Entry,
    Key,
    Row,
    State,
    contend,
    in_order,
    may_forget,
    nobody,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class MemoryStore:
    """Shared by the workers of one process; gone with it. That somebody sets the time of day ends no lease."""

    def __init__(
        self, *, lease: float = LEASE, retention: float = RETENTION, clock: Callable[[], float] | None = None
    ) -> None:
        self.lease = lease
        self.retention = retention
        self._clock = clock or _steady_clock()
        self._rows: dict[Key, Row] = {}
        self._lock = Lock()

    def claim(self, keys: Sequence[Key]) -> list[Claim]:
        """Claim keys."""
        with self._lock:
            token = uuid4().hex
            return in_order(keys, {key: self._claim(key, token) for key in dict.fromkeys(keys)})

    def complete(self, claims: Sequence[Acquired]) -> list[bool]:
        """Turn claims into DONE."""
        with self._lock:
            return [self._complete(claim) for claim in claims]

    def complete_and_claim(self, claims: Sequence[Acquired], keys: Sequence[Key]) -> tuple[list[bool], list[Claim]]:
        """Do one after the other."""
        return self.complete(claims), self.claim(keys)

    def release(self, claims: Sequence[Acquired], *, failed: bool) -> None:
        """Give claims up."""
        with self._lock:
            for claim in claims:
                self._write(claim, State.RELEASED, claim.attempt + failed, self.retention)

    def discard(self, claims: Sequence[Acquired]) -> None:
        """Give claims up and forget their keys."""
        with self._lock:
            for claim in claims:
                if self._write(claim, State.RELEASED, 1, 0):
                    del self._rows[claim.key]

    def renew(self, claims: Sequence[Acquired]) -> None:
        """Begin the leases of claims anew."""
        with self._lock:
            for claim in claims:
                self._write(claim, State.CLAIMED, claim.attempt, self.lease)

    def prune(self) -> int:
        """Forget what is older than the retention."""
        with self._lock:
            now = self._clock()
            old = (
                key
                for key, row in self._rows.items()
                if row.lease_until < now - (self.retention if row.state == State.CLAIMED else 0)
            )
            batch = list(islice(old, PRUNE_BATCH))
            for key in batch:
                del self._rows[key]
            return len(batch)

    def counts(self) -> list[Counts]:
        """Count the keys of each scope."""
        with self._lock:
            states = Counter((key.scope, row.state) for key, row in self._rows.items())
        scopes = sorted({scope for scope, _ in states})
        return [Counts(scope, *(states[scope, state] for state in State)) for scope in scopes]

    def find(self, message_id: str) -> list[Entry]:
        """Return what is known of an id."""
        with self._lock:
            found = [Entry(key, row) for key, row in self._rows.items() if key.message_id == message_id]
        return sorted(found, key=lambda entry: entry.key)

    def forget(self, keys: Sequence[Key]) -> list[bool]:
        """Forget keys, but for what somebody alive is working on."""
        with self._lock:
            went = {key: self._forget(key) for key in dict.fromkeys(keys)}
        return [went[key] for key in keys]

    def close(self) -> None:
        """Do nothing: the memory is freed with the store."""

    def _claim(self, key: Key, token: str) -> Claim:
        now, row = self._clock(), self._rows.get(key)
        claim = contend(key, row, token, now, is_dead=nobody) if row else Acquired(key, token, 1)
        if isinstance(claim, Acquired):
            self._rows[key] = Row(State.CLAIMED, token, "", now + self.lease, claim.attempt)
        return claim

    def _complete(self, claim: Acquired) -> bool:
        row = self._rows.get(claim.key)
        if row is not None and (row.state, row.token) == (State.DONE, claim.token):
            return True
        return self._write(claim, State.DONE, claim.attempt, self.retention)

    def _forget(self, key: Key) -> bool:
        row = self._rows.get(key)
        if row is None or not may_forget(row, self._clock(), is_dead=nobody):
            return False
        del self._rows[key]
        return True

    def _write(self, claim: Acquired, state: State, attempt: int, seconds: float) -> bool:
        row = self._rows.get(claim.key)
        if row is None or row.state != State.CLAIMED or row.token != claim.token:
            return False
        self._rows[claim.key] = Row(state, row.token, row.owner, self._clock() + seconds, attempt)
        return True


def _steady_clock() -> Callable[[], float]:
    """Return a clock that shows the time of day now, and goes on from there whatever becomes of that."""
    begin = time.time() - time.monotonic()
    return lambda: begin + time.monotonic()
