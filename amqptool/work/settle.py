"""What happens to a delivery next: values in, decision out.

==========================  =============================================
after                       decision
==========================  =============================================
claim: acquired             Run
claim: done                 Ack (a duplicate)
claim: busy                 Hold, then claim again
handler: success            Complete (Ack, when nothing was claimed, or
                            DONE was committed with what it did)
handler: failure            Pass on, if the ladder has a place for it
handler: failure, no place  Hold, then claim again (release counts it),
                            after as long as the handler asked at least
copy: confirmed             Release, then Ack
copy: not confirmed         Hold, then send the copy again
transaction: not committed  Release, and Hold, then claim again: it was
                            taken over, or the store cannot tell
complete: recorded          Ack
complete: refused           Hold, then claim again
==========================  =============================================

An ack follows DONE or a confirmed copy, or, without a claim, the handler's success. Nothing here ever
rejects: RabbitMQ 4.x drops a message that is returned too often (quorum queues, delivery limit).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from amqptool.dedup.interface import Acquired, Busy, Claim, Done
from amqptool.work.ladder import DeadLetter, Step

#: Seconds before a failed message is tried again in place: doubled each time, up to the longest.
FIRST_RETRY, LONGEST_RETRY = 1.0, 60.0
#: Seconds before a message that somebody else works on is looked at again.
FIRST_LOOK, LONGEST_LOOK = 0.05, 5.0


@dataclass(frozen=True, slots=True)
class Run:
    """Give the delivery to the handler, under its claim."""


@dataclass(frozen=True, slots=True)
class Ack:
    """Acknowledge the delivery."""


@dataclass(frozen=True, slots=True)
class Complete:
    """Write DONE, durably, under the delivery's claim."""


@dataclass(frozen=True, slots=True)
class PassOn:
    """Send a copy to another queue, and have it confirmed."""

    step: Step


@dataclass(frozen=True, slots=True)
class Release:
    """Give the claim up: as a failed attempt, or, once the message is dead, without a trace."""

    forget: bool


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep the delivery un-acked, in no handler's way, and go on with it after so many seconds."""

    seconds: float


_RUN, _COMPLETE, _ACK = Run(), Complete(), Ack()

AfterClaim: TypeAlias = Run | Ack | Hold
AfterHandler: TypeAlias = Complete | Ack | PassOn | Hold
AfterCopy: TypeAlias = Release | Hold
AfterComplete: TypeAlias = Ack | Hold


def after_claim(claim: Claim, looks: int) -> AfterClaim:
    """Decide after a claim; `looks` counts how often this delivery was to be looked at again before."""
    match claim:
        case Acquired():
            return _RUN
        case Done():
            return _ACK
        case Busy():
            return _look_again(looks)


def after_handler(
    *,
    claimed: bool,
    succeeded: bool,
    failures: int,
    step: Step | None = None,
    after: float | None = None,
    committed: bool = False,
) -> AfterHandler:
    """Decide after the handler; `failures` counts the failed attempts here before this one.

    `step` is the ladder's place for a message whose attempt failed, and `after` the seconds for which its handler
    asked. `committed` tells that its success is DONE already, in one transaction.
    """
    if succeeded:
        return _COMPLETE if claimed and not committed else _ACK
    return Hold(max(after or 0.0, _held(failures).seconds)) if step is None else PassOn(step)


def after_copy(step: Step, *, confirmed: bool, sendings: int) -> AfterCopy:
    """Decide after a copy was confirmed, or was not, in which case nobody else has the message for certain.

    `sendings` counts how often this copy was not confirmed before.
    """
    return Release(forget=isinstance(step, DeadLetter)) if confirmed else _held(sendings)


def after_no_commit(looks: int) -> Hold:
    """Decide after a handler whose transaction was not committed for all we know; `looks` counts as for claims."""
    return _look_again(looks)


def after_complete(looks: int, *, recorded: bool) -> AfterComplete:
    """Decide after DONE was written, or refused because the claim had gone to somebody else; `looks` as for claims."""
    return _ACK if recorded else _look_again(looks)


def _held(failures: int) -> Hold:
    return Hold(_growing(FIRST_RETRY, LONGEST_RETRY, failures))


def _look_again(looks: int) -> Hold:
    return Hold(_growing(FIRST_LOOK, LONGEST_LOOK, looks))


def _growing(first: float, longest: float, times: int) -> float:
    return float(min(longest, first * 2 ** min(times, 30)))
