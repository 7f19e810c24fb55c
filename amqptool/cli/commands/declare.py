"""`amqptool declare`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from amqptool.cli.context import Context, pass_context
from amqptool.cli.exits import ExitCode, tally
from amqptool.cli.management import management_if_any
from amqptool.cli.options import Command
from amqptool.cli.ownership import ownership, prune_options
from amqptool.cli.running import run
from amqptool.cli.topologies import load_topology, topology_options
from amqptool.settings import DEFAULT_ORIGIN

if TYPE_CHECKING:
    from amqptool.broker.management import Management
    from amqptool.broker.reconcile import Declared, Permits
    from amqptool.topology.model import Topology

_WITHOUT = (
    "declaring over AMQP alone, which does not show everything: bindings and policies beyond the file, and "
    "properties that RabbitMQ does not compare when something is declared again"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """How to go about it."""

    permits: Permits
    amqp_only: bool
    check: bool
    wait: float


@click.command(cls=Command)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@topology_options
@click.option("--check", is_flag=True, help="Change nothing; exit with 4 unless everything is there as the files say.")
@click.option("--create-vhosts", is_flag=True, help="Create vhosts that do not exist.")
@click.option("--allow-replace", is_flag=True, help="Delete and declare anew what cannot be changed (∓ in the plan).")
@prune_options
@click.option("--delete-messages", is_flag=True, help="Replace and prune queues whatever they hold.")
@click.option("--amqp-only", is_flag=True, help="Do without the management API.")
@click.option("--wait", metavar="SECONDS", type=click.FloatRange(0), default=0, help="Wait for the broker to be there.")
@pass_context
def declare(
    context: Context,
    /,
    files: tuple[str, ...],
    settings: dict[str, str],
    check: bool,
    create_vhosts: bool,
    allow_replace: bool,
    prune: bool,
    owns: tuple[str, ...],
    owns_vhost: bool,
    delete_messages: bool,
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

    Without the management API everything is declared over AMQP; policies, --prune and --allow-replace need it.
    """
    from amqptool.broker.reconcile import Permits

    permits = Permits(
        create_vhosts=create_vhosts,
        replace=allow_replace,
        prune=ownership(prune=prune, owns=owns, owns_vhost=owns_vhost),
        delete_messages=delete_messages,
    )
    changing = permits != Permits()
    if check and changing:
        raise click.UsageError("--check changes nothing: it goes with none of the options that allow changes")
    if amqp_only and changing:
        raise click.UsageError("--amqp-only declares, and no more: the other changes need the management API")
    way = _Way(permits=permits, amqp_only=amqp_only, check=check, wait=wait)
    topology = load_topology(context, files, settings)
    return _show(context, run(context, lambda _: _outcomes(context, topology, way)), way)


async def _outcomes(context: Context, topology: Topology, way: _Way) -> list[Declared]:
    if way.wait:
        await _wait(context, way)
    async with management_if_any(context, _WITHOUT, amqp_only=way.amqp_only, insist=True) as management:
        if way.check:
            return await _check(context, topology, management)
        if management is None:
            return await _declare(context, topology, way.permits)
        return await _reconcile(context, topology, management, way.permits)


async def _wait(context: Context, way: _Way) -> None:
    from amqptool.broker.reaching import reach

    address = context.resolve_management_url()
    async with context.management() as management:
        needed = not way.amqp_only and address.origin != DEFAULT_ORIGIN
        await reach(context.resolve_url().value, management if needed else None, way.wait)


async def _check(context: Context, topology: Topology, management: Management | None) -> list[Declared]:
    from amqptool.broker.reconcile import check, look, make_plan

    url = context.resolve_url().value
    plan = await (look(url, topology) if management is None else make_plan(management, topology, vhost=url.vhost))
    return check(plan)


async def _declare(context: Context, topology: Topology, permits: Permits) -> list[Declared]:
    from amqptool.broker.reconcile import Permits, declare
    from amqptool.errors import BrokerUnavailable

    if permits != Permits():
        raise BrokerUnavailable("what the options allow needs the management API; --management-url says where it is")
    return await declare(context.resolve_url().value, topology)


async def _reconcile(context: Context, topology: Topology, management: Management, permits: Permits) -> list[Declared]:
    from amqptool.broker.reconcile import reconcile

    return await reconcile(context.resolve_url().value, management, topology, permits)


def _show(context: Context, outcomes: list[Declared], way: _Way) -> ExitCode:
    from amqptool.cli.declarations import declarations

    errors = [each.error for each in outcomes if each.error is not None]
    code = tally(len(outcomes) - len(errors), errors)
    if way.check and errors:
        code = ExitCode.DRIFT
    return context.output.show(declarations(outcomes, context.resolve_url().value.vhost, code))
