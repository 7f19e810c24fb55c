"""`amqptool plan`: what `declare` would change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from amqptool.cli.context import Context, pass_context
from amqptool.cli.exits import ExitCode
from amqptool.cli.options import Command
from amqptool.cli.output import View
from amqptool.cli.ownership import ownership, prune_options
from amqptool.cli.plans import change_lines, note_lines, paint
from amqptool.cli.running import run
from amqptool.cli.topologies import load_topology, topology_options
from amqptool.errors import AccessRefused

if TYPE_CHECKING:
    from amqptool.topology.diff import Ownership, Plan
    from amqptool.topology.model import Topology


@click.command(cls=Command)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@topology_options
@prune_options
@click.option("--create-vhosts", is_flag=True, help="Plan to create vhosts that do not exist.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 4 if there are changes.")
@pass_context
def plan(
    context: Context,
    /,
    files: tuple[str, ...],
    settings: dict[str, str],
    prune: bool,
    owns: tuple[str, ...],
    owns_vhost: bool,
    create_vhosts: bool,
    detailed_exitcode: bool,
) -> ExitCode:
    """Show what `declare` would change, and change nothing. `-` is standard input.

    \b
    + create    ~ update    ∓ delete and declare anew    - delete

    Compares the files with the broker by typed value, over the management API: 1, "1" and true differ. What
    cannot be changed in place is ∓; `declare` does that with --allow-replace only. What the broker's policies
    add to the files' queues and exchanges is noted.
    """
    pruned = ownership(prune=prune, owns=owns, owns_vhost=owns_vhost)
    topology = load_topology(context, files, settings)
    vhost = context.resolve_url().value.vhost
    found = run(context, lambda _: _plan(context, topology, pruned))
    if found.missing_vhosts and not create_vhosts:
        raise AccessRefused(_missing(found.missing_vhosts))
    drift = detailed_exitcode and bool(found.changes)
    return context.output.show(_view(found, vhost, ExitCode.DRIFT if drift else ExitCode.DONE))


async def _plan(context: Context, topology: Topology, prune: Ownership | None) -> Plan:
    from amqptool.broker.reconcile import make_plan

    async with context.management() as management:
        return await make_plan(management, topology, vhost=context.resolve_url().value.vhost, prune=prune)


def _missing(vhosts: tuple[str, ...]) -> str:
    names = ", ".join(map(repr, vhosts))
    known = f"vhosts {names} do not exist" if len(vhosts) > 1 else f"vhost {names} does not exist"
    return f"{known}, or its user may not use it; --create-vhosts creates what is missing"


def _view(found: Plan, vhost: str, code: ExitCode) -> View:
    from amqptool.topology.diff.document import plan_document

    return View(
        kind="plan",
        document={"vhost": vhost, **plan_document(found)},
        data="\n".join(change_lines(found.changes, vhost)),
        paint=paint,
        talk="\n".join([*note_lines(found.notes, vhost), f"Plan: {found}"]),
        code=code,
    )
