"""Whether everything is there as the file says, without changing anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.broker.reconcile.outcome import Declared, conflict
from amqptool.errors import NotFound
from amqptool.topology.diff import Action

if TYPE_CHECKING:
    from amqptool.topology.diff import Change, Plan


def check(plan: Plan) -> list[Declared]:
    """Return a verdict on each object of the file: `unchanged`, `unknown`, or why it is not as the file says."""
    verdicts = [_verdict(change) for change in plan.changes]
    verdicts += [Declared(thing, None, "unchanged") for thing in plan.unchanged]
    return verdicts + [Declared(thing, None, "unknown") for thing in plan.unknown]


def _verdict(change: Change) -> Declared:
    if change.action is Action.CREATE:
        return Declared(change.object, NotFound("it does not exist"), "absent")
    return conflict(change)
