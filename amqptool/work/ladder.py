"""Where a message goes whose handler failed: pure decisions.

======================================  ==============================================================
attempt                                 goes to
======================================  ==============================================================
failed, a delay is left                 the wait queue of its delay
failed, a delay is left, with `after`   the wait queue of the shortest delay that is no shorter than
                                        that, or else of the longest
failed, none is left                    the dead-letter queue, if there is one
rejected                                the dead-letter queue, if there is one
======================================  ==============================================================

Anything else stays where it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from amqptool.retry import dead_letter_queue_arguments, wait_queue, wait_queue_arguments

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from amqptool.message import FieldValue


#: Milliseconds: RabbitMQ takes no TTL of 2^32 or more (rabbit_misc, `check_expiry`).
LONGEST_DELAY = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Rung:
    """Wait in a queue, from which the broker brings the message back."""

    queue: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Go to the dead-letter queue, for good."""

    queue: str


Step: TypeAlias = Rung | DeadLetter


@dataclass(frozen=True, slots=True)
class Ladder:
    """The retries of one work queue: `delays` in milliseconds, and the dead-letter queue's name."""

    queue: str
    delays: tuple[int, ...] = ()
    dead_letter: str | None = None

    def __post_init__(self) -> None:
        waits = {wait_queue(self.queue, delay) for delay in self.delays}
        if any(not 1 <= delay <= LONGEST_DELAY for delay in self.delays):
            raise ValueError("a delay is from 1ms to 49d, as far as RabbitMQ counts")
        if self.dead_letter is not None and (not self.dead_letter or self.dead_letter in {self.queue, *waits}):
            raise ValueError("the dead-letter queue is one of its own: not the work queue, nor one to wait in")

    def step(self, attempt: int, *, rejected: bool, after: float | None = None) -> Step | None:
        """Return where a message goes after its attempt failed, counted from 1; None if it stays where it is.

        `after` are the seconds for which its handler asked.
        """
        if not rejected and attempt <= len(self.delays):
            delay = self.delays[attempt - 1] if after is None else self._no_shorter_than(after * 1000)
            return Rung(wait_queue(self.queue, delay))
        return None if self.dead_letter is None else DeadLetter(self.dead_letter)

    def _no_shorter_than(self, milliseconds: float) -> int:
        return min((delay for delay in self.delays if delay >= milliseconds), default=max(self.delays))

    def queues(self) -> dict[str, Mapping[str, FieldValue]]:
        """Return the queues that it needs, by name, with the arguments that a topology file implies for them."""
        queues: dict[str, Mapping[str, FieldValue]] = {
            wait_queue(self.queue, delay): wait_queue_arguments(self.queue, delay) for delay in self.delays
        }
        if self.dead_letter is not None:
            queues[self.dead_letter] = dead_letter_queue_arguments()
        return queues


def ladder_of(queue: str, seconds: Iterable[float], dead_letter: str | None) -> Ladder:
    """Make a ladder whose delays are seconds.

    Raises:
        ValueError: it is none.
    """
    return Ladder(queue, tuple(round(delay * 1000) for delay in seconds), dead_letter)
