"""`amqptool delete`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from amqptool.cli.asking import ask
from amqptool.cli.context import Context, pass_context
from amqptool.cli.examples import examples
from amqptool.cli.exits import tally
from amqptool.cli.management import management_if_any
from amqptool.cli.options import Command
from amqptool.cli.output import View, error_fields
from amqptool.cli.running import run
from amqptool.cli.sanitize import clean_line
from amqptool.cli.topologies import load_topology, topology_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.broker.deletion import Deletable, Deleted, Rules
    from amqptool.cli.exits import ExitCode
    from amqptool.settings.url import AmqpUrl
    from amqptool.topology.model import Topology

#: Up to so many objects are listed; of more, only what is still there is.
_LISTED = 50
_WITHOUT = (
    "without the management API, policies cannot be deleted, and a queue may hold un-acked messages that nobody sees: "
    "none is deleted unless --delete-messages says so"
)


@click.command(
    cls=Command,
    epilog=examples(
        (
            "Delete what a file declares, but queues that hold messages",
            "amqptool delete --yes --if-empty topology.yaml",
        ),
        (
            "Delete the messages too",
            "amqptool delete --yes --delete-messages topology.yaml",
        ),
    ),
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--yes", "-y", is_flag=True, help="Do not ask; needed where nobody can be asked.")
@click.option("--if-empty", is_flag=True, help="A queue that holds messages or has consumers is no failure.")
@click.option("--if-unused", is_flag=True, help="Keep queues with consumers, and exchanges that others are bound to.")
@click.option("--delete-messages", is_flag=True, help="Delete queues with whatever they hold; streams need it.")
@click.option(
    "--amqp-only", is_flag=True, help="Do without the management API: of queues, deletes what is surely empty."
)
@topology_options
@pass_context
def delete(
    context: Context,
    /,
    files: tuple[str, ...],
    yes: bool,
    if_empty: bool,
    if_unused: bool,
    delete_messages: bool,
    amqp_only: bool,
    settings: dict[str, str],
) -> ExitCode:
    """Delete what topology files declare. `-` is standard input.

    Deletes policies, then bindings, queues (those of `retry:` and `dead_letter:` too) and exchanges; never a vhost.
    What is not there is no error. A queue that holds messages, ready or un-acked, or has consumers is kept, and
    that is a failure, unless --if-empty, --if-unused or --delete-messages says otherwise. It loses its bindings
    all the same: let it be worked off, and run the command again.
    """
    from amqptool.broker.deletion import Rules

    if if_empty and delete_messages:
        raise click.UsageError("--if-empty and --delete-messages contradict each other.")
    topology = load_topology(context, files, settings)
    url = run(context, lambda _: context.choose_url())
    if not yes:
        _ask(topology, url)
    rules = Rules(delete_messages=delete_messages, if_empty=if_empty, if_unused=if_unused)
    return context.output.show(
        _view(run(context, lambda _: _delete_all(context, topology, rules, amqp_only=amqp_only)), url)
    )


def _ask(topology: Topology, url: AmqpUrl) -> None:
    from amqptool.broker.deletion import in_order

    things = in_order(topology)
    shown = [f"  {thing}" for thing in things[:_LISTED]]
    more = [f"  … and {len(things) - _LISTED:,} more"] if len(things) > _LISTED else []
    where = f"vhost {url.vhost} at {url.address}"
    ask("\n".join([f"To be deleted from {where}:", *shown, *more, "Delete?"]), to="delete")


async def _delete_all(context: Context, topology: Topology, rules: Rules, *, amqp_only: bool) -> list[Deleted]:
    from amqptool.broker.deletion import delete

    async with management_if_any(context, _WITHOUT, amqp_only=amqp_only) as management:
        return await delete(context.resolve_url().value, topology, management, rules)


def _view(outcomes: Sequence[Deleted], url: AmqpUrl) -> View:
    counts: Counter[str] = Counter(outcome.outcome for outcome in outcomes)
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    return View(
        kind="delete",
        document={
            **{word: counts[word] for word in ("deleted", "absent", "kept", "failed")},
            "objects": [_document(outcome, url.vhost) for outcome in outcomes],
        },
        errors=tuple(f"{outcome.object}: {_reason(outcome)}" for outcome in outcomes if outcome.error),
        talk="\n".join([*_lines(outcomes), _summary(counts)]),
        code=tally(counts["deleted"], errors),
    )


def _reason(outcome: Deleted) -> str:
    return f"kept: {outcome.error}" if outcome.outcome == "kept" else str(outcome.error)


def _lines(outcomes: Sequence[Deleted]) -> list[str]:
    told = [outcome for outcome in outcomes if outcome.error is None]
    if len(outcomes) > _LISTED:
        told = [outcome for outcome in told if outcome.outcome == "kept"]
    return [clean_line(f"  {_line(outcome)}") for outcome in told]


def _line(outcome: Deleted) -> str:
    return f"{outcome.object}: {outcome.outcome}" + (f": {outcome.reason}" if outcome.reason else "")


def _summary(counts: Counter[str]) -> str:
    told = [f"{counts[word]:,} {word}" for word in ("absent", "kept", "failed") if counts[word]]
    return ", ".join([f"{counts['deleted']:,} deleted", *told])


def _document(outcome: Deleted, vhost: str) -> dict[str, Any]:
    document = {"object": str(outcome.object), **_identity(outcome.object, vhost), "outcome": outcome.outcome}
    if outcome.reason:
        document["reason"] = outcome.reason
    if outcome.error is not None:
        document |= error_fields(outcome.error)
    return document


def _identity(thing: Deletable, vhost: str) -> dict[str, Any]:
    from amqptool.topology.diff.document import identity

    return identity(thing) | {"vhost": thing.vhost or vhost}
