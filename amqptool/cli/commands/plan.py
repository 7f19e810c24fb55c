"""`amqptool plan`: what `declare` would change."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from amqptool.cli.context import Context, pass_context
from amqptool.cli.examples import examples
from amqptool.cli.exits import ExitCode
from amqptool.cli.files import write_file
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """What is to be planned."""

    topology: Topology
    prune: Ownership | None
    create_vhosts: bool
    amqp_only: bool
    out: Path | None


@click.command(
    cls=Command,
    epilog=examples(
        ("See what would change", "amqptool plan topology.yaml"),
        (
            "Keep the plan, for a review and `amqptool declare --plan plan.json`",
            "amqptool plan --out plan.json topology.yaml",
        ),
    ),
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@topology_options
@prune_options
@click.option("--create-vhosts", is_flag=True, help="Plan to create vhosts that do not exist.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 4 if there are changes.")
@click.option(
    "--out",
    metavar="PLAN",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the plan to a file, for `amqptool declare --plan PLAN`.",
)
@click.option("--amqp-only", is_flag=True, help="Do without the management API: tells only what does not exist.")
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
    out: Path | None,
    amqp_only: bool,
) -> ExitCode:
    """Show what `declare` would change, and change nothing. `-` is standard input.

    \b
    + create    ~ update    ∓ delete and declare anew    - delete

    Compares the files with the broker by typed value, over the management API: 1, "1" and true differ. What
    cannot be changed in place is ∓; `declare` does that with --allow-replace only. What the broker's policies
    add to the files' queues and exchanges is noted.
    """
    if out == Path("-"):
        raise click.UsageError("--out takes a file, which `declare --plan` reads; --json prints the plan")
    if amqp_only and (prune or create_vhosts or out):
        raise click.UsageError("--amqp-only tells what does not exist, and no more: the rest needs the management API")
    question = _Question(
        prune=ownership(prune=prune, owns=owns, owns_vhost=owns_vhost),
        topology=load_topology(context, files, settings),
        create_vhosts=create_vhosts,
        amqp_only=amqp_only,
        out=out,
    )
    found = run(context, lambda _: _answer(context, question))
    drift = detailed_exitcode and bool(found.changes)
    code = ExitCode.DRIFT if drift else ExitCode.DONE
    return context.output.show(_view(found, context.resolve_url().value.vhost, question, code))


async def _answer(context: Context, question: _Question) -> Plan:
    from amqptool.broker.reconcile import look, make_plan

    url = await context.choose_url()
    if question.amqp_only:
        return await look(url, question.topology)
    async with context.management() as management:
        found = await make_plan(management, question.topology, vhost=url.vhost, prune=question.prune)
        if found.missing_vhosts and not question.create_vhosts:
            raise AccessRefused(_missing(found.missing_vhosts))
        if question.out is not None:
            _save(found, question, question.out, await management.cluster_name(), url.vhost)
        return found


def _save(found: Plan, question: _Question, path: Path, cluster: str, vhost: str) -> None:
    from amqptool.topology.diff.saved import SavedPlan

    saved = SavedPlan.of(
        found,
        question.topology,
        cluster=cluster,
        vhost=vhost,
        prune=question.prune,
        create_vhosts=question.create_vhosts,
    )
    write_file(str(path), saved.to_json())


def _missing(vhosts: tuple[str, ...]) -> str:
    names = ", ".join(map(repr, vhosts))
    known = f"vhosts {names} do not exist" if len(vhosts) > 1 else f"vhost {names} does not exist"
    return f"{known}, or its user may not use it; --create-vhosts creates what is missing"


def _view(found: Plan, vhost: str, question: _Question, code: ExitCode) -> View:
    from amqptool.topology.diff.document import plan_document

    return View(
        kind="plan",
        document={
            "vhost": vhost,
            "amqp_only": question.amqp_only,
            "file": None if question.out is None else str(question.out),
            **plan_document(found),
        },
        data="\n".join(change_lines(found.changes, vhost)),
        paint=paint,
        talk="\n".join([*note_lines(found.notes, vhost), *_talk(found, question), f"Plan: {found}"]),
        code=code,
    )


def _talk(found: Plan, question: _Question) -> list[str]:
    from amqptool.broker.reconcile.looking import UNKNOWN
    from amqptool.topology.diff import Action

    if question.amqp_only:
        return [f"note: {UNKNOWN}"]
    if question.out is None:
        return []
    options = " --allow-replace" if found.counts()[Action.REPLACE] else ""
    return [f"to do this and nothing else: amqptool declare --plan {quote(str(question.out))}{options}"]
