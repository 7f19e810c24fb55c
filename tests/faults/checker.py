"""What became of each message: a total queue, checked as Jepsen checks one.

What was acknowledged to its publisher must come out; what comes out must have been sent; and what has an effect twice
must have been at work in a process that was killed in between, or have been forgotten with the dedup store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

#: Outcomes of messages that may come out.
_TAKEN = {"confirmed", "in_doubt"}


@dataclass(frozen=True, slots=True)
class Effect:
    """A handler has acted on a message, in a process."""

    message: str
    process: int
    #: When, in seconds of a clock that all processes share.
    at: float = 0.0
    #: The worker that the process belongs to.
    worker: str = ""
    #: It is in the transaction of DONE, so that no death comes between the two.
    is_atomic: bool = False


@dataclass(frozen=True, slots=True)
class Loss:
    """The dedup store was lost, and what its workers still did went with it."""

    start: float
    #: When the last of them had ended.
    end: float

    def explains(self, first: Effect, again: Effect) -> bool:
        """Return whether the first effect was forgotten before the other one."""
        return first.at <= self.end and again.at >= self.start


@dataclass(frozen=True, slots=True)
class Deletion:
    """The queue was deleted, with the messages that were in it."""

    #: Those that were confirmed before there was a new queue.
    confirmed: frozenset[str]
    #: How many were in the queue and in the hands of workers at most.
    most: int


class Reason(Enum):
    """Why there may be an effect again; the value says it in words."""

    DEATH = "its process died, perhaps before DONE was on disk"
    ORPHAN = "it was asked for by a process that had died meanwhile"
    LOSS = "the dedup store was lost"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many messages came to what."""

    sent: int
    #: The publisher was told that the broker has them.
    acknowledged: int
    #: Neither confirmed nor refused: they may come, or not.
    in_doubt: int
    #: Acknowledged, and neither acted on nor in a place for failed ones.
    lost: frozenset[str]
    #: The same, but in a queue when it was deleted.
    deleted: frozenset[str]
    #: Acted on, and never sent.
    unexpected: frozenset[str]
    #: In doubt, and acted on.
    recovered: int
    #: Effects beyond the first of each message, by what explains them.
    repeated: Mapping[Reason, int]
    #: How many of them were in a transaction with their DONE, so that only a lost store explains them.
    repeated_in_transactions: int
    #: The most seconds from an effect that had to be repeated to the death of its process.
    widest_window: float
    #: Those repeated that nothing explains.
    unexplained: tuple[Effect, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing was lost, made up, or repeated without a reason."""
        return not (self.lost or self.unexpected or self.unexplained)


def check(
    receipts: Mapping[str, str],
    effects: Iterable[Effect],
    *,
    set_aside: Collection[str] = (),
    killed: Mapping[int, float] | None = None,
    losses: Collection[Loss] = (),
    deletions: Collection[Deletion] = (),
) -> Verdict:
    """Compare what a publisher was told of each message with what was done about it.

    `receipts` are outcomes by message id: `confirmed`, `in_doubt`, or that it was not taken. `set_aside` are the ids in
    dead-letter queues, and `killed` the processes that were, each with the time. A message may have an effect again
    after the process that had it before was killed, since it may have died between the effect and its DONE; and what a
    killed process had asked for, of a command or over HTTP, may have its effect when somebody else has the message.
    """
    by_message: dict[str, list[Effect]] = {}
    for effect in sorted(effects, key=lambda each: each.at):
        by_message.setdefault(effect.message, []).append(effect)
    told = Counter(receipts.values())
    done = by_message.keys() | set(set_aside)
    deaths = killed or {}
    repeats = [
        (first, _reason(first, again, deaths, losses))
        for each in by_message.values()
        for first, again in pairwise(each)
    ]
    missing = frozenset(each for each, told_of in receipts.items() if told_of == "confirmed" and each not in done)
    deleted = _deleted(missing, deletions)
    return Verdict(
        sent=len(receipts),
        acknowledged=told["confirmed"],
        in_doubt=told["in_doubt"],
        lost=missing - deleted,
        deleted=deleted,
        unexpected=frozenset(each for each in done if receipts.get(each) not in _TAKEN),
        recovered=sum(receipts.get(each) == "in_doubt" for each in done),
        repeated=Counter(reason for _, reason in repeats if reason is not None),
        repeated_in_transactions=sum(first.is_atomic and reason is not None for first, reason in repeats),
        widest_window=max(
            (deaths[first.process] - first.at for first, reason in repeats if reason is Reason.DEATH), default=0.0
        ),
        unexplained=tuple(first for first, reason in repeats if reason is None),
    )


def _reason(first: Effect, again: Effect, deaths: Mapping[int, float], losses: Collection[Loss]) -> Reason | None:
    """Return why there is an effect again, if there is a reason."""
    if any(loss.explains(first, again) for loss in losses):
        return Reason.LOSS
    if _has_died(first, again, deaths):
        return Reason.DEATH
    return Reason.ORPHAN if _was_orphaned(again, deaths) else None


def _deleted(missing: frozenset[str], deletions: Collection[Deletion]) -> frozenset[str]:
    """Return the missing messages that were deleted with their queue: none, if they are more than were in it."""
    deleted = missing & frozenset().union(*(deletion.confirmed for deletion in deletions))
    return deleted if len(deleted) <= sum(deletion.most for deletion in deletions) else frozenset()


def _has_died(first: Effect, again: Effect, deaths: Mapping[int, float]) -> bool:
    """Return whether a process may have died between an effect and its DONE, and this be why there is another one."""
    return first.process in deaths and not first.is_atomic and again.at >= deaths[first.process]


def _was_orphaned(effect: Effect, deaths: Mapping[int, float]) -> bool:
    """Return whether an effect came after the process that had asked for it was dead."""
    return effect.process in deaths and not effect.is_atomic and effect.at >= deaths[effect.process]
