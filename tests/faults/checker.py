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
#: Seconds between an effect and the death that explains another one, at most, beside those in which no DONE could be
#: written: a busy machine takes them; and those that a command goes on for when nobody waits for it any more.
_WINDOW = 10.0


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

    #: Those that were taken out of it, and not acknowledged, so that they went with it.
    taken: frozenset[str]
    #: Those that may have been in the hands of workers, or on their way: confirmed not long before.
    recent: frozenset[str]
    #: How many of these went with it at most.
    most: int


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which no DONE could be written."""

    start: float
    end: float

    def within(self, start: float, end: float) -> float:
        """Return how many seconds of it are in another time."""
        return max(0.0, min(self.end, end) - max(self.start, start))


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
    #: Acknowledged, and neither acted on nor in a place for failed ones.
    lost: frozenset[str]
    #: The same, but in a queue when it was deleted.
    deleted: frozenset[str]
    #: Acted on, and never sent.
    unexpected: frozenset[str]
    #: In a place for failed ones, though their handlers do not always fail.
    innocent: frozenset[str]
    #: Acted on, and in a place for failed ones too.
    acted_and_set_aside: frozenset[str]
    #: Effects beyond the first of each message, by what explains them and whether the first was in a transaction.
    repeated: Mapping[tuple[Reason, bool], int]
    #: The most seconds from an effect that had to be repeated to the death of its process.
    widest_window: float
    #: Those repeated that nothing explains.
    unexplained: tuple[Effect, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing was lost, made up, given up, or repeated without a reason."""
        given_up = self.innocent | self.acted_and_set_aside
        return not (self.lost or self.unexpected or given_up or self.unexplained)


def check(
    receipts: Mapping[str, str],
    effects: Iterable[Effect],
    *,
    set_aside: Mapping[str, bool] | None = None,
    killed: Mapping[int, float] | None = None,
    losses: Collection[Loss] = (),
    deletions: Collection[Deletion] = (),
    held_up: Collection[Span] = (),
) -> Verdict:
    """Compare what a publisher was told of each message with what was done about it.

    `receipts` are outcomes by message id: `confirmed`, `in_doubt`, or that it was not taken. `set_aside` are the ids in
    dead-letter queues, each with whether its handler always fails, and `killed` the processes that were, each with the
    time. A message may have an effect again after the process that had it before was killed, since it may have died
    between the effect and its DONE; and what a killed process had asked for, of a command or over HTTP, may have its
    effect when somebody else has the message.
    """
    by_message: dict[str, list[Effect]] = {}
    for effect in sorted(effects, key=lambda each: each.at):
        by_message.setdefault(effect.message, []).append(effect)
    dead = set_aside or {}
    done = by_message.keys() | dead.keys()
    deaths = killed or {}
    repeats = [
        (first, _reason(first, again, deaths, losses, held_up))
        for each in by_message.values()
        for first, again in pairwise(each)
    ]
    missing = frozenset(each for each, told_of in receipts.items() if told_of == "confirmed" and each not in done)
    deleted = _deleted(missing, deletions)
    return Verdict(
        sent=len(receipts),
        acknowledged=sum(outcome == "confirmed" for outcome in receipts.values()),
        lost=missing - deleted,
        deleted=deleted,
        unexpected=frozenset(each for each in done if receipts.get(each) not in _TAKEN),
        innocent=frozenset(each for each, always_fails in dead.items() if not always_fails),
        acted_and_set_aside=frozenset(by_message.keys() & dead.keys()),
        repeated=Counter((reason, first.is_atomic) for first, reason in repeats if reason is not None),
        widest_window=max(
            (deaths[first.process] - first.at for first, reason in repeats if reason is Reason.DEATH), default=0.0
        ),
        unexplained=tuple(first for first, reason in repeats if reason is None),
    )


def _reason(
    first: Effect, again: Effect, deaths: Mapping[int, float], losses: Collection[Loss], held_up: Collection[Span]
) -> Reason | None:
    """Return why there is an effect again, if there is a reason."""
    if any(loss.explains(first, again) for loss in losses):
        return Reason.LOSS
    if _has_died(first, again, deaths, held_up):
        return Reason.DEATH
    return Reason.ORPHAN if _was_orphaned(again, deaths) else None


def _deleted(missing: frozenset[str], deletions: Collection[Deletion]) -> frozenset[str]:
    """Return the missing messages that were deleted with their queue: of recent ones none, if they are too many."""
    deleted = missing & frozenset().union(*(deletion.taken for deletion in deletions))
    for deletion in deletions:
        recent = missing & deletion.recent - deleted
        if len(recent) <= deletion.most:
            deleted |= recent
    return deleted


def _has_died(first: Effect, again: Effect, deaths: Mapping[int, float], held_up: Collection[Span]) -> bool:
    """Return whether a process may have died between an effect and its DONE, and this be why there is another one."""
    if first.is_atomic or first.process not in deaths:
        return False
    death = deaths[first.process]
    waited = abs(death - first.at) - sum(span.within(first.at, death) for span in held_up)
    return again.at >= death and waited <= _WINDOW


def _was_orphaned(effect: Effect, deaths: Mapping[int, float]) -> bool:
    """Return whether an effect came just after the process that had asked for it was dead."""
    if effect.is_atomic or effect.process not in deaths:
        return False
    return 0 <= effect.at - deaths[effect.process] <= _WINDOW
