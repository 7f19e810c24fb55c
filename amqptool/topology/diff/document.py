"""Changes as JSON: what `plan --json` writes, and what a plan file is compared by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amqptool.topology.model import NOWHERE, Binding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from amqptool.topology.diff.plan import Change, Difference, Plan
    from amqptool.topology.model import TopologyObject


def identity(thing: TopologyObject) -> dict[str, Any]:
    """Return what makes an object the one it is, with its kind as `type`."""
    if isinstance(thing, Binding):
        return {
            "type": "binding",
            "vhost": thing.vhost,
            "source": thing.source,
            "destination": thing.destination,
            "destination_type": thing.destination_type,
            "routing_key": thing.routing_key,
            "arguments": dict(thing.arguments),
        }
    vhost = getattr(thing, "vhost", None)
    kind = type(thing).__name__.lower()
    return {"type": kind, "name": thing.name} | ({} if vhost is None else {"vhost": vhost})


def difference_documents(differences: Iterable[Difference]) -> list[dict[str, Any]]:
    """Return the properties that differ, with typed values."""
    return [{"property": each.property, "before": each.before, "after": each.after} for each in differences]


def change_document(item: Change) -> dict[str, Any]:
    """Return one change, with its place if it has one."""
    document: dict[str, Any] = {
        "action": item.action.word,
        "object": str(item.object),
        **identity(item.object),
        "differences": difference_documents(item.differences),
    }
    if item.hint:
        document["hint"] = item.hint
    if item.place is not NOWHERE:
        document |= {"file": item.place.file, "line": item.place.line}
    return document


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return a whole plan."""
    counts = {action.word: count for action, count in plan.counts().items()}
    return {
        "counts": {**counts, "unchanged": len(plan.unchanged), "unknown": len(plan.unknown)},
        "changes": [change_document(each) for each in plan.changes],
        "notes": [{"object": str(note.object), **identity(note.object), "text": note.text} for note in plan.notes],
    }
