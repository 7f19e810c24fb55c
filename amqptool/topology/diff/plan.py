"""What a comparison of file and broker comes to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from amqptool.topology.model import NOWHERE, Vhost

if TYPE_CHECKING:
    from amqptool.message import FieldValue
    from amqptool.topology.model import Place, TopologyObject


class Action(Enum):
    """What is to be done with an object; the value is its symbol."""

    CREATE = "+"
    UPDATE = "~"
    #: Delete it and declare it anew: what differs cannot be changed.
    REPLACE = "∓"
    DELETE = "-"

    @property
    def word(self) -> str:
        """The verb: create, update, replace, delete."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Difference:
    """One property that differs; None is one that is not set."""

    property: str
    before: FieldValue
    after: FieldValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One object that is not as it should be; both of its states name their vhost."""

    action: Action
    #: What the broker holds; None if it is to be created.
    before: TopologyObject | None = None
    #: What the file says; None if it is to be deleted.
    after: TopologyObject | None = None
    differences: tuple[Difference, ...] = ()
    #: What a reader should know before it is done.
    hint: str = ""

    @property
    def object(self) -> TopologyObject:
        """The object as it should be, or as it was if it is to be deleted."""
        thing = self.after or self.before
        if thing is None:
            raise ValueError("a change has an object before it, after it, or both")
        return thing

    @property
    def vhost(self) -> str:
        """The vhost that it is in, or the one that it is."""
        return self.object.name if isinstance(self.object, Vhost) else self.object.vhost or ""

    @property
    def place(self) -> Place:
        """Where the file says so."""
        return self.after.place if self.after is not None else NOWHERE


@dataclass(frozen=True, slots=True)
class Note:
    """What is no change, but not visible in the file either."""

    object: TopologyObject
    text: str

    def __str__(self) -> str:
        return f"{self.object}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The changes that make the broker match the file, in the order in which they can be made."""

    changes: tuple[Change, ...] = ()
    #: The file's objects that are on the broker as they should be.
    unchanged: tuple[TopologyObject, ...] = ()
    #: The file's objects of which it could not be asked whether they are.
    unknown: tuple[TopologyObject, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def missing_vhosts(self) -> tuple[str, ...]:
        """The vhosts that would have to be created."""
        return tuple(change.after.name for change in self.changes if isinstance(change.after, Vhost))

    def counts(self) -> dict[Action, int]:
        """Count the changes of each kind, those that there are none of included."""
        found = Counter(change.action for change in self.changes)
        return {action: found[action] for action in Action}

    def __str__(self) -> str:
        counts = ", ".join(f"{count:,} to {action.word}" for action, count in self.counts().items())
        rest = f"{len(self.unknown):,} not known" if self.unknown else f"{len(self.unchanged):,} unchanged"
        return f"{counts}; {rest}"
