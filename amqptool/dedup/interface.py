"""What every dedup store does, and the one rule by which claims contend.

::

    ABSENT, RELEASED ── claim ──▶ CLAIMED ── complete ──▶ DONE ── retention ──▶ ABSENT
                        ▲          │   │
                        └─ release ┘   └─ claim by another: the owner is dead or the lease is over
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

from amqptool.errors import AmqptoolError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

#: Seconds a claim holds without being renewed; a worker renews three times as often.
LEASE = 300.0
#: Seconds a DONE is remembered, from completion.
RETENTION = 7 * 24 * 3600.0
#: How many keys one `prune` forgets at most, so that nobody waits long for it.
PRUNE_BATCH = 5_000


class Key(NamedTuple):
    """What is deduplicated: a message id within a scope, usually one queue of one cluster."""

    scope: str
    message_id: str


class Acquired(NamedTuple):
    """The key is claimed for the caller; the token proves it on every later write.

    No two claims of one key share a token; the claims of one call do.
    """

    key: Key
    token: str
    #: Which attempt at the message this is, from 1.
    attempt: int
    #: Whether somebody had claimed it before, and neither finished nor gave it up: the handler may have been the end
    #: of that process.
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """The message has been handled: it may be acknowledged without doing it again."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Somebody alive is working on it: neither handle nor acknowledge it, look again."""


Claim: TypeAlias = Acquired | Done | Busy


class State(IntEnum):
    """The states of a row."""

    CLAIMED = 1
    DONE = 2
    RELEASED = 3


class Row(NamedTuple):
    """What a store knows of one key."""

    state: int
    token: str
    owner: str
    #: Seconds since the epoch, by the store's clock.
    lease_until: float
    attempt: int


class Counts(NamedTuple):
    """How many keys of one scope are in each state."""

    scope: str
    claimed: int
    done: int
    released: int


class Entry(NamedTuple):
    """One key, and what a store knows of it."""

    key: Key
    row: Row


class ClaimLost(AmqptoolError):
    """A transaction was rolled back, since its claim is no longer the caller's, or DONE already."""


class DedupStore(Protocol):
    """Remembers what is done, and who is at what.

    Every method may block and is called from one thread. Each takes many at once and is one transaction.
    Raises `DedupError` when the store cannot be used. The call may then be repeated, and counts once, even
    if the server had done it and only its answer was lost.
    """

    @property
    def lease(self) -> float:
        """Seconds a claim holds without being renewed."""
        ...

    @property
    def retention(self) -> float:
        """Seconds for which it remembers what is done, at least."""
        ...

    def claim(self, keys: Sequence[Key]) -> list[Claim]:
        """Claim keys; others see the claims when this returns, but a power cut may undo them."""
        ...

    def complete(self, claims: Sequence[Acquired]) -> list[bool]:
        """Turn claims into DONE, durably; False where the claim is no longer the caller's.

        What the same token has made DONE before is recorded too: a call whose answer was lost is repeated.
        """
        ...

    def complete_and_claim(self, claims: Sequence[Acquired], keys: Sequence[Key]) -> tuple[list[bool], list[Claim]]:
        """Complete claims, and then claim keys: at once where one transaction takes less time than two."""
        ...

    def release(self, claims: Sequence[Acquired], *, failed: bool) -> None:
        """Give claims up; `failed` counts the attempt. A claim that is no longer the caller's stays."""
        ...

    def discard(self, claims: Sequence[Acquired]) -> None:
        """Give claims up and forget their keys, attempts included. A claim that is no longer the caller's stays."""
        ...

    def renew(self, claims: Sequence[Acquired]) -> None:
        """Begin the leases of claims anew, and keep their attempts.

        A claim with a higher attempt counts one in advance: whoever takes it over finds it counted.
        """
        ...

    def prune(self) -> int:
        """Forget up to `PRUNE_BATCH` keys older than the retention; return how many, 0 when there are no more.

        Always 0 where the server forgets by itself.
        """
        ...

    def counts(self) -> list[Counts]:
        """Count the keys of each scope, in the order of the scopes' names."""
        ...

    def find(self, message_id: str) -> list[Entry]:
        """Return what is known of an id, in the order of the scopes' names."""
        ...

    def forget(self, keys: Sequence[Key]) -> list[bool]:
        """Forget keys, so that their messages are handled again; False for what is not there.

        False, too, for what somebody alive is working on: its DONE would be lost. A key that comes twice has the same
        answer twice.
        """
        ...

    def close(self) -> None:
        """Close the store; claims stay."""
        ...


@runtime_checkable
class Transactional(Protocol):
    """A store in a database that handlers can write to as well, in one transaction with DONE."""

    @property
    def is_taken(self) -> bool:
        """Whether the store's own calls wait for the end of a transaction that is going on."""
        ...

    def transaction(self, claim: Acquired) -> AbstractContextManager[Any]:
        """Give a connection in a transaction, in which DONE is written and committed at the end; from any thread.

        After an exception nothing of it is there. What the block raises comes through, unless the connection was lost.

        Raises:
            ClaimLost: the claim is no longer the caller's, or done already; it was rolled back.
            HandlerError: the block ended the transaction itself; what it committed is there, and DONE is not.
            DedupError: the store cannot be used; claim the key again to learn whether DONE is there.
        """
        ...


#: Whether something is certainly so of an owner.
AboutOwner: TypeAlias = "Callable[[str], bool]"


def nobody(_owner: str) -> bool:
    """Answer where nothing is known of any owner."""
    return False


def contend(key: Key, row: Row, token: str, now: float, *, is_dead: AboutOwner, is_alive: AboutOwner = nobody) -> Claim:
    """Return what becomes of a key that is claimed under a token, from the row that it has by then."""
    if row.state == State.DONE:
        return Done()
    if row.token == token:  # this claim made the row
        return Acquired(key, token, row.attempt)
    if _may_take(row, now, is_dead, is_alive):
        return Acquired(key, token, row.attempt, interrupted=row.state == State.CLAIMED)
    return Busy()


def may_forget(row: Row, now: float, *, is_dead: AboutOwner, is_alive: AboutOwner = nobody) -> bool:
    """Return whether nobody alive is working on a key."""
    return row.state == State.DONE or _may_take(row, now, is_dead, is_alive)


def _may_take(row: Row, now: float, is_dead: AboutOwner, is_alive: AboutOwner) -> bool:
    # Where an owner can be seen to be alive, its lease need not count.
    return row.state == State.RELEASED or is_dead(row.owner) or (row.lease_until <= now and not is_alive(row.owner))


def in_order(keys: Sequence[Key], claims: dict[Key, Claim]) -> list[Claim]:
    """Answer each key of a batch; where a key comes again after it was acquired, it is busy."""
    answers = []
    for key in keys:
        answers.append(claims[key])
        if isinstance(claims[key], Acquired):
            claims[key] = Busy()
    return answers
