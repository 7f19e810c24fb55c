"""Which dead letters are meant."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from amqptool.dead.reading import read
from amqptool.message import normalize_message_id

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from amqptool.dead.letter import DeadLetter
    from amqptool.message import Message
    from amqptool.work.filters import Condition


@dataclass(frozen=True, slots=True)
class Choice:
    """Those that are all of this; what is empty or None excludes nobody."""

    ids: Collection[str] = ()
    reasons: Collection[str] = ()
    #: Kinds of the last error.
    errors: Collection[str] = ()
    #: Queues where they died.
    origins: Collection[str] = ()
    #: When they died, at the latest and at the earliest; one that does not say is neither.
    until: datetime | None = None
    since: datetime | None = None
    #: What the original is, as conditions.
    where: Sequence[Condition] = field(default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", frozenset(map(_comparable, self.ids)))

    def holds(self, message: Message) -> bool:
        """Whether a message in a dead-letter queue is meant."""
        return self.is_meant(read(message))

    def is_meant(self, letter: DeadLetter) -> bool:
        """Whether a dead letter is meant."""
        return (
            (not self.ids or _comparable(letter.message.message_id) in self.ids)
            and (not self.reasons or letter.reason in self.reasons)
            and (not self.errors or letter.error_kind in self.errors)
            and (not self.origins or letter.queue in self.origins)
            and (self.until is None or (letter.at is not None and letter.at <= self.until))
            and (self.since is None or (letter.at is not None and letter.at >= self.since))
            and all(condition.holds(letter.original) for condition in self.where)
        )


def _comparable(message_id: str | None) -> str | None:
    return normalize_message_id(message_id) or message_id
