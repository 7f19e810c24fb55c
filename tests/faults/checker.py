"""What became of each message: a total queue, checked as Jepsen checks one.

What was acknowledged to its publisher must come out; what comes out must have been sent; and what has an effect twice
must have been at work in a process that was killed at that moment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

#: Outcomes of messages that may come out.
_TAKEN = {"confirmed", "in_doubt"}


@dataclass(frozen=True, slots=True)
class Effect:
    """A handler has acted on a message, in a process."""

    message: str
    process: int


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
    #: Acted on, and never sent.
    unexpected: frozenset[str]
    #: In doubt, and acted on.
    recovered: int
    #: Effects beyond the first of each message.
    repeated: int
    #: Of these, how many came of a process that was not killed.
    unexplained: int

    @property
    def is_sound(self) -> bool:
        """Whether nothing was lost, made up, or repeated without a reason."""
        return not (self.lost or self.unexpected or self.unexplained)


def check(
    receipts: Mapping[str, str],
    effects: Iterable[Effect],
    *,
    set_aside: Collection[str] = (),
    killed: Collection[int] = (),
) -> Verdict:
    """Compare what a publisher was told of each message with what was done about it.

    `receipts` are outcomes by message id: `confirmed`, `in_doubt`, or that it was not taken. `set_aside` are the ids in dead-letter
    queues, and `killed` the processes that were. A message may have an effect again if one of the processes that had it
    before was killed: it may have died between the effect and its DONE.
    """
    by_message: dict[str, list[int]] = {}
    for effect in effects:
        by_message.setdefault(effect.message, []).append(effect.process)
    told = Counter(receipts.values())
    done = by_message.keys() | set(set_aside)
    repeated = Counter(process for processes in by_message.values() for process in processes[:-1])
    return Verdict(
        sent=len(receipts),
        acknowledged=told["confirmed"],
        in_doubt=told["in_doubt"],
        lost=frozenset(each for each, told_of in receipts.items() if told_of == "confirmed" and each not in done),
        unexpected=frozenset(each for each in done if receipts.get(each) not in _TAKEN),
        recovered=sum(receipts.get(each) == "in_doubt" for each in done),
        repeated=repeated.total(),
        unexplained=sum(count for process, count in repeated.items() if process not in killed),
    )
