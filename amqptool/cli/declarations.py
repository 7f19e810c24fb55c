"""What became of each object of a file, as a view."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, get_args

from amqptool.broker.reconcile.outcome import Outcome
from amqptool.cli.output import View, error_fields
from amqptool.cli.plans import titled
from amqptool.cli.sanitize import clean_line
from amqptool.topology.diff.document import difference_documents, identity
from amqptool.topology.model import NOWHERE, Vhost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.broker.reconcile import Declared
    from amqptool.cli.exits import ExitCode

#: Up to so many objects are listed; of more, only what changed or failed is, and not more of that.
_LISTED = 50
_CHANGED = {"created", "updated", "replaced", "deleted"}


def declarations(outcomes: Sequence[Declared], vhost: str, code: ExitCode, notes: Sequence[str] = ()) -> View:
    """Show outcomes; `vhost` is the one that need not be named, `notes` is said before the summary."""
    counts: Counter[str] = Counter(each.outcome for each in outcomes)
    done = [each for each in outcomes if each.error is None]
    # Why an object was skipped is what its vhost's own failure says.
    failed = [each for each in outcomes if each.error is not None and each.outcome != "skipped"]
    return View(
        kind="declare",
        document={
            "vhost": vhost,
            "declared": len(done),
            "failed": len(outcomes) - len(done),
            "outcomes": {word: counts[word] for word in get_args(Outcome) if counts[word]},
            "objects": [_document(each, vhost) for each in outcomes],
        },
        errors=(*_complaints(failed[:_LISTED], vhost), *_more(failed)),
        talk="\n".join([*_lines(outcomes, vhost), *notes, _summary(counts)]),
        code=code,
    )


def _lines(outcomes: Sequence[Declared], vhost: str) -> list[str]:
    told = [each for each in outcomes if each.error is None or each.outcome == "skipped"]
    if len(outcomes) > _LISTED:
        changed = [each for each in told if each.outcome in _CHANGED]
        told = changed if len(changed) <= _LISTED else []
    return [clean_line(f"  {titled(each.object, vhost)}: {each.outcome}") for each in told]


def _complaints(failed: Sequence[Declared], vhost: str) -> list[str]:
    return [f"{_at(each)}{titled(each.object, vhost)}: {_reason(each)}" for each in failed]


def _more(failed: Sequence[Declared]) -> list[str]:
    left = len(failed) - _LISTED
    return [f"and {left:,} more like these; --json lists all"] if left > 0 else []


def _at(outcome: Declared) -> str:
    place = outcome.object.place
    return "" if place is NOWHERE else f"{place}: "


def _reason(outcome: Declared) -> str:
    if outcome.outcome == "kept":
        return f"kept: {outcome.error}"
    # The broker's words for a conflict are hard to read; where there are differences, the error tells all of them.
    conflict = None if outcome.differences else outcome.conflict
    return str(conflict or outcome.error)


def _summary(counts: Counter[str]) -> str:
    told = [f"{counts[word]:,} {word}" for word in get_args(Outcome) if counts[word]]
    return ", ".join(told) or "nothing to declare"


def _document(outcome: Declared, vhost: str) -> dict[str, Any]:
    thing, conflict = outcome.object, outcome.conflict
    document: dict[str, Any] = {"object": str(thing), **identity(thing), "outcome": outcome.outcome}
    if not isinstance(thing, Vhost):
        document["vhost"] = thing.vhost or vhost
    if thing.place is not NOWHERE:
        document |= {"file": thing.place.file, "line": thing.place.line}
    if outcome.error is not None:
        document |= error_fields(outcome.error)
    if outcome.differences:
        document["differences"] = difference_documents(outcome.differences)
    if outcome.error is not None and conflict is not None:
        document["conflict"] = {"property": conflict.name, "file": conflict.file, "broker": conflict.broker}
    return document
