"""`amqptool declare`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from amqptool.cli.context import Context, pass_context
from amqptool.cli.examples import examples
from amqptool.cli.exits import ExitCode, tally
from amqptool.cli.management import management_if_any
from amqptool.cli.measures import Duration
from amqptool.cli.options import Command
from amqptool.cli.ownership import ownership, prune_options
from amqptool.cli.running import run
from amqptool.cli.topologies import load_topology, topology_options
from amqptool.errors import BrokerUnavailable, InputError, PreconditionFailed
from amqptool.settings import DEFAULT_ORIGIN

if TYPE_CHECKING:
    from amqptool.broker.management import Management
    from amqptool.broker.reconcile import Declared, Permits
    from amqptool.topology.diff import Plan
    from amqptool.topology.diff.saved import SavedPlan
    from amqptool.topology.model import Topology

_WITHOUT = (
    "declaring over AMQP alone, which does not show everything: bindings and policies beyond the file, and "
    "properties that RabbitMQ does not compare when something is declared again"
)
_REPLACE = "note: --allow-replace deletes what is in conflict and declares it anew, if it is not in use"
#: Of what has moved since a plan was made, so much is named.
_NAMED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What is to be done, and how to go about it."""

    topology: Topology
    permits: Permits
    saved: SavedPlan | None = None
    amqp_only: bool = False
    check: bool = False
    wait: float = 0


@click.command(
    cls=Command,
    epilog=examples(
        ("Declare what a file says", "amqptool declare topology.yaml"),
        (
            "Also delete what begins with 'shop.' and is no longer in the file",
            "amqptool declare --prune --owns shop. topologies/orders.yaml",
        ),
    ),
)
@click.argument("files", nargs=-1, metavar="FILE...")
@topology_options
@click.option(
    "--plan",
    "plan_file",
    metavar="PLAN",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Do what `amqptool plan --out PLAN` planned, unless the broker has changed since.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Change nothing; exit with 4 unless everything is there as the files say. It needs the management API; "
    "with --amqp-only, what cannot be seen passes.",
)
@click.option("--create-vhosts", is_flag=True, help="Create vhosts that do not exist.")
@click.option("--allow-replace", is_flag=True, help="Delete and declare anew what cannot be changed (∓ in the plan).")
@prune_options
@click.option("--delete-messages", is_flag=True, help="Replace and prune queues whatever they hold.")
@click.option(
    "--migrate",
    metavar="QUEUE",
    help="Change what cannot be changed of this queue without losing its messages; and nothing else.",
)
@click.option("--force", is_flag=True, help="Migrate although messages published to the queue by its name may be lost.")
@click.option("--amqp-only", is_flag=True, help="Do without the management API.")
@click.option("--wait", metavar="30s", type=Duration(zero=True), default="0", help="Wait for the broker to be there.")
@pass_context
def declare(
    context: Context,
    /,
    files: tuple[str, ...],
    settings: dict[str, str],
    plan_file: Path | None,
    check: bool,
    create_vhosts: bool,
    allow_replace: bool,
    prune: bool,
    owns: tuple[str, ...],
    owns_vhost: bool,
    delete_messages: bool,
    migrate: str | None,
    force: bool,
    amqp_only: bool,
    wait: float,
) -> ExitCode:
    """Make the broker match topology files. `-` is standard input.

    Changes what `amqptool plan` shows, in an order in which objects need each other, and says what became of each
    object. What fails does not keep the rest from it, and running it again completes it.

    An exchange or a queue that the broker holds with other properties is a conflict: both values are shown.
    With --allow-replace it is deleted and declared anew, and gets all its bindings back; what is published to it
    meanwhile is lost. A queue that holds messages, ready or un-acked, or has consumers is kept, by --prune too,
    unless --delete-messages says otherwise.

    --migrate gives a queue that holds messages its new properties: a temporary queue takes over its bindings and
    messages, and gives them back to the new one. A message that arrives meanwhile may be there twice, under one
    id, and their order is not kept. Killed at any point, the same command goes on. It is refused while the queue
    has consumers or un-acked messages, and without --force where somebody may publish to it by its name.

    Without the management API everything is declared over AMQP; policies, --prune, --allow-replace and --migrate
    need it.
    """
    from amqptool.broker.reconcile import Permits

    permits = Permits(
        create_vhosts=create_vhosts,
        replace=allow_replace,
        prune=ownership(prune=prune, owns=owns, owns_vhost=owns_vhost),
        delete_messages=delete_messages,
    )
    if migrate is not None or force:
        alone = plan_file is None and not (check or amqp_only or wait or permits != Permits())
        return _migrate(context, files, settings, migrate, force=force, alone=alone)
    if plan_file is None:
        _check_usage(files, check=check, amqp_only=amqp_only, changing=permits != Permits())
        topology = load_topology(context, files, settings)
        task = _Task(topology=topology, permits=permits, amqp_only=amqp_only, check=check, wait=wait)
    else:
        if files or settings or check or create_vhosts or prune or amqp_only:
            raise click.UsageError("--plan PLAN goes with no files, and with no options that say what to plan")
        task = _planned(context, plan_file, permits, wait)
    return _show(context, run(context, lambda _: _outcomes(context, task)), task)


def _check_usage(files: tuple[str, ...], *, check: bool, amqp_only: bool, changing: bool) -> None:
    if not files:
        raise click.UsageError("Missing argument 'FILE...'.")
    if check and changing:
        raise click.UsageError("--check changes nothing: it goes with none of the options that allow changes")
    if amqp_only and changing:
        raise click.UsageError("--amqp-only declares, and no more: the other changes need the management API")


def _migrate(
    context: Context,
    files: tuple[str, ...],
    settings: dict[str, str],
    queue: str | None,
    *,
    force: bool,
    alone: bool,
) -> ExitCode:
    from amqptool.cli.migrating import migrate_queue

    if queue is None:
        raise click.UsageError("--force goes with --migrate")
    if not alone or not files:
        raise click.UsageError("--migrate QUEUE goes with FILE... and with no other option but --force and --set")
    return migrate_queue(context, load_topology(context, files, settings), queue, force=force)


def _planned(context: Context, path: Path, permits: Permits, wait: float) -> _Task:
    from amqptool.topology.diff.saved import read_saved
    from amqptool.topology.file.content import read_file

    content = read_file(path).data
    if not isinstance(content, bytes):
        raise InputError(f"{path}: this is too large for a plan file")
    saved = read_saved(content, str(path))
    vhost = context.resolve_url().value.vhost
    if saved.vhost != vhost:
        raise InputError(f"{path}: the plan is for vhost {saved.vhost!r}, and the broker's URL names {vhost!r}")
    permits = replace(permits, prune=saved.prune, create_vhosts=saved.create_vhosts)
    return _Task(topology=saved.desired, permits=permits, saved=saved, wait=wait)


async def _outcomes(context: Context, task: _Task) -> list[Declared]:
    from amqptool.broker.reconcile.looking import UNKNOWN

    if task.wait:
        await _wait(context, task)
    without = UNKNOWN if task.check else _WITHOUT
    # A check that cannot see must not say that all is well, unless it was told to look no further.
    any_management = management_if_any(context, without, amqp_only=task.amqp_only, insist_on_guess=task.check)
    async with any_management as management:
        if task.check:
            return await _check(context, task, management)
        if management is not None:
            return await _reconcile(context, task, management)
        return await _declare(context, task)


async def _wait(context: Context, task: _Task) -> None:
    from amqptool.broker.patience import Patience
    from amqptool.broker.reaching import wait_for

    needed = not task.amqp_only and context.resolve_management_url().origin != DEFAULT_ORIGIN
    async with context.management() as management:
        patience = Patience(task.wait, context.output.talk)
        await wait_for(context.resolve_urls().value, management if needed else None, patience)


async def _check(context: Context, task: _Task, management: Management | None) -> list[Declared]:
    from amqptool.broker.reconcile import check, look, make_plan

    url = context.resolve_url().value
    if management is None:
        return check(await look(url, task.topology))
    return check(await make_plan(management, task.topology, vhost=url.vhost))


async def _declare(context: Context, task: _Task) -> list[Declared]:
    from amqptool.broker.reconcile import Permits, declare

    if task.saved is not None or task.permits != Permits():
        raise BrokerUnavailable("what is to be done needs the management API; --management-url says where it is")
    return await declare(context.resolve_url().value, task.topology)


async def _reconcile(context: Context, task: _Task, management: Management) -> list[Declared]:
    from amqptool.broker.reconcile import reconcile

    url = context.resolve_url().value
    if task.saved is None:
        return await reconcile(url, management, task.topology, task.permits)
    await _check_cluster(task.saved, management)
    return await reconcile(url, management, task.topology, task.permits, approve=partial(_approve, task.saved))


async def _check_cluster(saved: SavedPlan, management: Management) -> None:
    cluster = await management.cluster_name()
    if cluster != saved.cluster:
        raise InputError(f"the plan was made for the cluster {saved.cluster!r}, and this is {cluster!r}")


def _approve(saved: SavedPlan, plan: Plan) -> None:
    """Refuse to do anything else than what was planned."""
    moved = saved.moved(plan)
    if moved:
        more = f"; and {len(moved) - _NAMED:,} more" if len(moved) > _NAMED else ""
        told = "; ".join(moved[:_NAMED])
        raise PreconditionFailed(f"the broker has changed since the plan was made: {told}{more}: plan again")


def _show(context: Context, outcomes: list[Declared], task: _Task) -> ExitCode:
    from amqptool.cli.declarations import declarations

    errors = [each.error for each in outcomes if each.error is not None]
    code = tally(len(outcomes) - len(errors), errors)
    if task.check and errors:
        code = ExitCode.DRIFT
    in_conflict = any(each.outcome == "conflict" and each.differences for each in outcomes)
    notes = [_REPLACE] if in_conflict and not task.check else []
    return context.output.show(declarations(outcomes, context.resolve_url().value.vhost, code, notes))
