"""How many dead letters died of what, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from amqptool.dead.letter import DeadLetter


class Cause(NamedTuple):
    """What dead letters of one group have in common."""

    reason: str
    error: str | None
    queue: str | None


@dataclass(slots=True)
class Group:
    """The dead letters of one cause."""

    cause: Cause
    count: int = 0
    #: When the first and the last of them died, as far as they say.
    oldest: datetime | None = None
    newest: datetime | None = None
    #: The last error's whole text, of the latest of them that has one.
    example: str | None = None

    def add(self, letter: DeadLetter) -> None:
        """Count one in."""
        self.count += 1
        self.example = letter.error or self.example
        if letter.at is not None:
            self.oldest = letter.at if self.oldest is None else min(self.oldest, letter.at)
            self.newest = letter.at if self.newest is None else max(self.newest, letter.at)


class Groups:
    """Counts dead letters, keeping none of them."""

    def __init__(self) -> None:
        self._groups: dict[Cause, Group] = {}

    def add(self, letter: DeadLetter) -> None:
        """Count one in."""
        cause = Cause(letter.reason, letter.error_kind, letter.queue)
        self._groups.setdefault(cause, Group(cause)).add(letter)

    def largest_first(self) -> Iterable[Group]:
        """Return the groups."""
        return sorted(self._groups.values(), key=lambda group: (-group.count, tuple(map(str, group.cause))))
