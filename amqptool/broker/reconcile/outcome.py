"""What became of each object."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from amqptool.errors import AmqptoolError, PreconditionFailed
from amqptool.topology.diff.words import shown

if TYPE_CHECKING:
    from amqptool.topology.diff import Change, Difference
    from amqptool.topology.model import TopologyObject

#: `declared` is created or there already, which AMQP alone does not tell; `skipped` was not tried, since its vhost
#: is not there; a check finds `absent` and `unknown`.
Outcome = Literal[
    "created",
    "updated",
    "replaced",
    "deleted",
    "declared",
    "unchanged",
    "unknown",
    "absent",
    "kept",
    "skipped",
    "conflict",
    "failed",
]

_CONFLICT = re.compile(r"inequivalent arg '(?P<name>[^']+)' for .* received (?P<file>.+) but current is (?P<broker>.+)")
_TYPED = re.compile(r"the value '(?P<value>.*)' of type '(?P<type>.*)'")


@dataclass(frozen=True, slots=True)
class Conflict:
    """What the broker has and the file does not, in words."""

    name: str
    file: str
    broker: str

    def __str__(self) -> str:
        return f"{self.name} is {self.file} in the file and {self.broker} on the broker"


@dataclass(frozen=True, slots=True)
class Declared:
    """One object, what became of it, and why it is not as the file says, if so."""

    object: TopologyObject
    error: AmqptoolError | None = None
    outcome: Outcome = "declared"
    differences: tuple[Difference, ...] = ()

    @property
    def conflict(self) -> Conflict | None:
        """The property that differs, or the first of them, when the object exists with other properties."""
        if self.differences:
            each = self.differences[0]
            return Conflict(each.property, shown(each.after), shown(each.before))
        match = _CONFLICT.search(str(self.error)) if isinstance(self.error, PreconditionFailed) else None
        return Conflict(match["name"], _value(match["file"]), _value(match["broker"])) if match else None


def failure(thing: TopologyObject, error: AmqptoolError) -> Declared:
    """Return the outcome of an object that could not be declared."""
    declared = Declared(thing, error, "failed")
    return Declared(thing, error, "conflict") if declared.conflict else declared


def conflict(change: Change, hint: str = "") -> Declared:
    """Return the outcome of an object that exists with other properties and was left as it is."""
    parts = [Conflict(each.property, shown(each.after), shown(each.before)) for each in change.differences]
    error = PreconditionFailed(", ".join(map(str, parts)) + hint)
    return Declared(change.object, error, "conflict", change.differences)


def _value(words: str) -> str:
    match = _TYPED.fullmatch(words)
    return match["value"] if match else words.strip("'").replace("none", "not set")
