"""`amqptool declare`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from amqptool.cli.context import Context, pass_context
from amqptool.cli.exits import ExitCode, tally
from amqptool.cli.options import Command
from amqptool.cli.output import View
from amqptool.cli.running import run
from amqptool.cli.sanitize import clean_line
from amqptool.cli.topologies import load_topology, topology_options

if TYPE_CHECKING:
    from amqptool.broker.reconcile import Declared, TopologyObject
    from amqptool.settings.url import AmqpUrl

#: Up to so many declared objects are listed; of more, only the failures are.
_LISTED = 50


@click.command(cls=Command)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@topology_options
@pass_context
def declare(context: Context, /, files: tuple[str, ...], settings: dict[str, str]) -> ExitCode:
    """Make the broker match topology files. `-` is standard input.

    Declares exchanges, then queues, then bindings; what exists already stays as it is. An object that the
    broker holds with other properties is a conflict: both values are shown, and the rest is still declared.
    """
    topology = load_topology(context, files, settings)
    url = context.resolve_url().value

    async def declare_all() -> list[Declared]:
        from amqptool.broker.reconcile import declare

        return await declare(url, topology)

    return context.output.show(_view(run(context, lambda _: declare_all()), url))


def _view(outcomes: list[Declared], url: AmqpUrl) -> View:
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    done = len(outcomes) - len(errors)
    return View(
        kind="declare",
        document={
            "vhost": url.vhost,
            "declared": done,
            "failed": len(errors),
            "objects": [_document(outcome, url.vhost) for outcome in outcomes],
        },
        errors=tuple(_complaint(outcome) for outcome in outcomes if outcome.error),
        talk="\n".join([*_lines(outcomes), _summary(done, len(errors))]),
        code=tally(done, errors),
    )


def _lines(outcomes: list[Declared]) -> list[str]:
    shown = outcomes if len(outcomes) <= _LISTED else []
    return [f"  {clean_line(str(outcome.object))}" for outcome in shown if outcome.error is None]


def _complaint(outcome: Declared) -> str:
    return f"{outcome.object.place}: {outcome.object}: {_reason(outcome)}"


def _reason(outcome: Declared) -> str:
    conflict = outcome.conflict
    if conflict is None:
        return str(outcome.error)
    return f"{conflict.name} is {conflict.file} in the file and {conflict.broker} on the broker"


def _summary(done: int, failed: int) -> str:
    return f"{done:,} declared" + (f", {failed:,} failed" if failed else "")


def _document(outcome: Declared, vhost: str) -> dict[str, Any]:
    thing, conflict = outcome.object, outcome.conflict
    document: dict[str, Any] = {
        "object": str(thing),
        **_identity(thing),
        "vhost": thing.vhost or vhost,
        "file": thing.place.file,
        "line": thing.place.line,
        "outcome": "declared" if outcome.error is None else "failed",
    }
    if outcome.error is not None:
        document |= {"error": type(outcome.error).__name__, "message": str(outcome.error)}
    if conflict is not None:
        document["conflict"] = {"property": conflict.name, "file": conflict.file, "broker": conflict.broker}
    return document


def _identity(thing: TopologyObject) -> dict[str, str]:
    from amqptool.topology.model import Binding

    if isinstance(thing, Binding):
        return {"type": "binding"}
    return {"type": type(thing).__name__.lower(), "name": thing.name}
