"""What one step has shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from amqptool.errors import AmqptoolError

State: TypeAlias = Literal["ok", "warning", "failed", "not asked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step, and what to do now if it has shown something that is not right."""

    name: str
    state: State = "ok"
    told: str
    advice: str = ""
    #: What makes it a failure.
    error: AmqptoolError | None = None


def failed(name: str, error: AmqptoolError, advice: str) -> Step:
    """Return a step that ended with an error."""
    return Step(name=name, state="failed", told=str(error), advice=advice, error=error)


def not_asked(name: str, reason: str) -> Step:
    """Return a step that was left out."""
    return Step(name=name, state="not asked", told=reason)
