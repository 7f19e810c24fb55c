"""A dedup store in Redis, shared by workers of any number of machines.

What it remembers is as durable as the server: see the README for what Redis can lose. Leases go by the
server's clock, and rows are forgotten by the expiry of their keys.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from contextlib import contextmanager
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from amqptool.dedup import redis_scripts as scripts
from amqptool.dedup.answers import LostAnswers
from amqptool.dedup.ids import decoded, encoded
from amqptool.dedup.interface import (
    LEASE,
    RETENTION,
    Acquired,
    Busy,
    Claim,
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
from amqptool.dedup.redis_client import client
from amqptool.errors import DedupError
from amqptool.extras import imported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

log = logging.getLogger(__name__)

_PREFIX = "amqptool:dedup:"
#: Keys looked at in one step by what goes through the whole store.
_PAGE = 1_000


class RedisStore:
    """A store in one database of a Redis server.

    Raises:
        ConfigError: the URL cannot be used, or redis-py is not installed.
        DedupError: the server cannot be reached.
    """

    def __init__(
        self,
        url: str,
        *,
        lease: float = LEASE,
        retention: float = RETENTION,
        clock: Callable[[], float] | None = None,
        owner: str | None = None,
    ) -> None:
        """Connect; `clock` takes the place of the server's, and `owner` that of this process's name."""
        self.lease = lease
        self.retention = retention
        self._clock = clock
        self._owner = owner or str(this_process())
        self._lost = LostAnswers()
        self._library = imported("redis", "redis", "a dedup store in Redis needs")
        self._client, self._name = client(url)
        self._scripts = {
            text: self._client.register_script(text)
            for text in (scripts.CLAIM, scripts.TAKE_OVER, scripts.WRITE, scripts.FORGET)
        }
        with self._translated("open"):
            self._client.ping()
            self._warn()

    def claim(self, keys: Sequence[Key]) -> list[Claim]:
        """Claim keys."""
        wanted = list(dict.fromkeys(keys))
        if not wanted:
            return []
        claims: dict[Key, Claim] = {}
        with self._lost.new_token() as token:
            now, *known = self._run(scripts.CLAIM, wanted, *self._new_claim(token))
            rows = {wanted[position - 1]: text for position, text in zip(known[::2], known[1::2], strict=True)}
            claims |= {key: Acquired(key, token, 1) for key in wanted if key not in rows}
            claims |= self._contend(rows, now / 1000, token)
        return in_order(keys, claims)

    def complete(self, claims: Sequence[Acquired]) -> list[bool]:
        """Turn claims into DONE, as durably as the server writes."""
        return self._write(claims, str(int(State.DONE)), self.retention)

    def complete_and_claim(self, claims: Sequence[Acquired], keys: Sequence[Key]) -> tuple[list[bool], list[Claim]]:
        """Do one after the other."""
        return self.complete(claims), self.claim(keys)

    def release(self, claims: Sequence[Acquired], *, failed: bool) -> None:
        """Give claims up."""
        self._write(claims, str(int(State.RELEASED)), self.retention, failed=failed)

    def discard(self, claims: Sequence[Acquired]) -> None:
        """Give claims up and forget their keys."""
        self._write(claims, "", 0)

    def renew(self, claims: Sequence[Acquired]) -> None:
        """Begin the leases of claims anew."""
        self._write(claims, str(int(State.CLAIMED)), self.lease, kept=self.retention)

    def prune(self) -> int:
        """Do nothing: the server forgets by itself."""
        return 0

    def counts(self) -> list[Counts]:
        """Count the keys of each scope."""
        states = Counter((entry.key.scope, entry.row.state) for entry in self._scan("*"))
        scopes = sorted({scope for scope, _ in states})
        return [Counts(scope, *(states[scope, state] for state in State)) for scope in scopes]

    def find(self, message_id: str) -> list[Entry]:
        """Return what is known of an id."""
        found = self._scan("*:" + re.sub(r"([*?\[\]\\^-])", r"\\\1", message_id))
        return sorted(entry for entry in found if entry.key.message_id == message_id)

    def forget(self, keys: Sequence[Key]) -> list[bool]:
        """Forget keys, but for what somebody alive is working on."""
        wanted = list(dict.fromkeys(keys))
        rows, now = self._read([_name(key) for key in wanted]), self._now()
        free = {
            key: text
            for key, text in zip(wanted, rows, strict=True)
            if text is not None and may_forget(_row(text), now, is_dead=is_dead)
        }
        answers = self._run(scripts.FORGET, list(free), *free.values())
        gone = {key for key, answer in zip(free, answers, strict=True) if answer}
        return [key in gone for key in keys]

    def close(self) -> None:
        """Close the connection; claims stay."""
        self._client.close()

    def _contend(self, texts: Mapping[Key, bytes], now: float, token: str) -> dict[Key, Claim]:
        """Take over what is free of what is known."""
        rows = {key: self._lost.without_them(_row(text)) for key, text in texts.items()}
        dead = cache(is_dead)  # asking for a process takes longer than a row does, and many rows have the same owner
        claims = {key: contend(key, row, token, now, is_dead=dead) for key, row in rows.items()}
        free = [key for key, claim in claims.items() if isinstance(claim, Acquired)]
        seen = [value for key in free for value in (texts[key], rows[key].attempt)]
        changed = self._run(scripts.TAKE_OVER, free, *self._new_claim(token), *seen)
        return claims | {free[position - 1]: Busy() for position in changed}

    def _new_claim(self, token: str) -> tuple[int | str, ...]:
        return self._time(), _milliseconds(self.lease), _milliseconds(self.lease + self.retention), token, self._owner

    def _write(
        self, claims: Sequence[Acquired], state: str, seconds: float, *, kept: float = 0, failed: bool = False
    ) -> list[bool]:
        times = _milliseconds(seconds), _milliseconds(seconds + kept)
        proofs: list[str | int] = []
        for (token, attempt), group in groupby(claims, attrgetter("token", "attempt")):
            proofs += [token, attempt + failed, len(list(group))]
        keys = [claim.key for claim in claims]
        lost = set(self._run(scripts.WRITE, keys, self._time(), state, *times, self._owner, *proofs))
        return [position not in lost for position, _ in enumerate(claims, 1)]

    def _run(self, script: str, keys: Sequence[Key], *arguments: int | str | bytes) -> list[Any]:
        if not keys:
            return []
        with self._translated("use"):
            answers: list[Any] = self._scripts[script](keys=[_name(key) for key in keys], args=arguments)
        return answers

    def _time(self) -> int | str:
        return _milliseconds(self._clock()) if self._clock else ""

    def _now(self) -> float:
        if self._clock:
            return self._clock()
        with self._translated("read"):
            seconds, microseconds = self._client.time()
        return float(seconds + microseconds / 1e6)

    def _scan(self, pattern: str) -> Iterator[Entry]:
        cursor = 0
        while True:
            with self._translated("read"):
                cursor, names = self._client.scan(cursor, match=encoded(_PREFIX + pattern), count=_PAGE)
            names = list(dict.fromkeys(names))
            for name, text in zip(names, self._read(names), strict=True):
                if text is not None:
                    yield Entry(_key(name), _row(text))
            if cursor == 0:
                return

    def _read(self, names: Sequence[bytes]) -> list[bytes | None]:
        if not names:
            return []
        with self._translated("read"):
            rows: list[bytes | None] = self._client.mget(names)
        return rows

    def _warn(self) -> None:
        try:
            memory, persistence = self._client.info("memory"), self._client.info("persistence")
        except self._library.ResponseError:
            return  # INFO is not permitted: nothing can be told
        policy = memory.get("maxmemory_policy", "noeviction")
        if policy != "noeviction":
            log.warning("%s may evict what is done (maxmemory-policy %s): use noeviction", self._name, policy)
        if not persistence.get("aof_enabled", 1):
            log.warning("%s may forget what is done when it stops (appendonly no): use appendonly yes", self._name)

    @contextmanager
    def _translated(self, verb: str) -> Iterator[None]:
        try:
            yield
        except (self._library.RedisError, OSError) as error:
            raise DedupError(f"cannot {verb} dedup store {self._name}: {error}") from error


def _name(key: Key) -> bytes:
    # The length tells where the scope ends: both may hold anything.
    return encoded(f"{_PREFIX}{len(key.scope)}:{key.scope}:{key.message_id}")


def _key(name: bytes) -> Key:
    length, _, rest = decoded(name).removeprefix(_PREFIX).partition(":")
    return Key(rest[: int(length)], rest[int(length) + 1 :])


def _row(text: bytes) -> Row:
    state, token, attempt, until, owner = text.decode().split(" ", 4)
    return Row(int(state), token, owner, int(until) / 1000, int(attempt))


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
