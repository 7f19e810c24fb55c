"""`amqptool status`: what queues hold, and what flows through them."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, NoReturn

import click

from amqptool.cli.context import Context, pass_context
from amqptool.cli.examples import examples
from amqptool.cli.management import management_if_any
from amqptool.cli.measures import Duration
from amqptool.cli.names import queue_names
from amqptool.cli.options import Command
from amqptool.cli.output import View
from amqptool.cli.running import run
from amqptool.errors import AmqptoolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.broker.status import Limits, QueueChoice, QueueStatus
    from amqptool.cli.exits import ExitCode

_WITHOUT = "ready messages and consumers are all that AMQP tells of queues"
_NUMBER = click.IntRange(min=0)


@click.command(
    cls=Command,
    epilog=examples(
        ("Show all queues, the deepest first", "amqptool status"),
        ("Write gauges for node_exporter's textfile collector", "amqptool status --format prometheus > rabbitmq.prom"),
    ),
)
@click.argument("queues", nargs=-1, metavar="[QUEUE]...", shell_complete=queue_names)
@click.option("--watch", "-w", is_flag=True, help="Show it on the terminal again and again, until Ctrl-C.")
@click.option(
    "--interval", type=Duration(), default="2s", show_default=True, metavar="2s", help="With --watch: how often."
)
@click.option("--max-depth", type=_NUMBER, metavar="N", help="Fail if a queue holds more messages, ready and un-acked.")
@click.option("--max-unacked", type=_NUMBER, metavar="N", help="Fail if a queue has more un-acked messages.")
@click.option("--max-age", type=Duration(), metavar="5m", help="Fail if the oldest ready message of a queue is older.")
@click.option("--min-consumers", type=_NUMBER, metavar="N", help="Fail if a queue has fewer consumers.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "nagios", "prometheus"]),
    default="table",
    show_default=True,
    help="A table, the document that --json writes, a Nagios plugin's line, or Prometheus' text format.",
)
@pass_context
def status(
    context: Context, /, queues: tuple[str, ...], watch: bool, interval: float, form: str, **wanted: float | None
) -> int:
    """Show queues, the deepest first: what they hold, what flows, and when they will be empty.

    A QUEUE is a name, or a pattern such as 'orders.*'; without any, all of the vhost are shown. A queue that is
    not there, or beyond a limit, is exit code 1; one that is down, or does not tell what a limit needs, is beyond it.
    With --format nagios the codes are those of Nagios: 0 is OK, 2 critical, 3 unknown.

    An age is known where publishers set a timestamp. The broker samples all this every five seconds, so that a
    queue that is younger shows nothing. Without the management API, only queues that are named can be shown, with
    ready messages and consumers.
    """
    from amqptool.broker.status import Limits, QueueChoice

    _check_usage(context, form, watch=watch)
    context.json = context.json or form == "json"
    choice, limits = QueueChoice(queues), Limits(**wanted, usable=form == "nagios")  # type: ignore[arg-type]  # by the types of the options
    if watch:
        run(context, lambda _: _watch(context, choice, limits, interval))
    if form == "nagios":
        return _as_plugin(context, choice, limits)
    return _show(context, choice, limits, form)


def _check_usage(context: Context, form: str, *, watch: bool) -> None:
    if context.json and form not in ("table", "json"):
        raise click.UsageError(f"--json and --format {form} exclude each other")
    if watch and (context.json or form != "table"):
        raise click.UsageError("--watch shows a table, and goes with no other format")
    if watch and not (sys.stdout is not None and sys.stdout.isatty()):
        raise click.UsageError("--watch shows its table on a terminal; elsewhere, call the command again and again")


def _show(context: Context, choice: QueueChoice, limits: Limits, form: str) -> ExitCode:
    from amqptool.cli.status_views import status_view

    found = run(context, lambda _: _once(context, choice, limits))
    now, missing = time.time(), choice.missing([queue.name for queue in found])
    vhost = context.resolve_url().value.vhost
    return context.output.show(status_view(found, limits.judge(found, now), missing, vhost, now, form))


def _as_plugin(context: Context, choice: QueueChoice, limits: Limits) -> int:
    from amqptool.cli.status_monitors import nagios, nagios_failure
    from amqptool.cli.status_views import absent

    try:
        found = run(context, lambda _: _once(context, choice, limits))
        verdict = limits.judge(found, time.time())
        missing = absent(choice.missing([queue.name for queue in found]), context.resolve_url().value.vhost)
        unknown = list(dict.fromkeys([*verdict.silent, *verdict.unknown]))
        line, code = nagios(found, limits, [*missing, *verdict.seen_lines], unknown)
    except AmqptoolError as error:
        line, code = nagios_failure(error)
    context.output.show(View(kind="status", document={}, data=line))
    return code


async def _once(context: Context, choice: QueueChoice, limits: Limits) -> Sequence[QueueStatus]:
    from amqptool.cli.status_lookout import look_up

    async with management_if_any(context, _WITHOUT, insist_on_guess=_insists(choice, limits)) as management:
        return await look_up(context.resolve_url().value, management, choice)


async def _watch(context: Context, choice: QueueChoice, limits: Limits, interval: float) -> NoReturn:
    from amqptool.cli.status_lookout import Lookout
    from amqptool.cli.status_watch import Watch

    async with Lookout(context, choice, insist=_insists(choice, limits)) as lookout:
        await Watch(lookout, limits=limits, interval=interval, color=context.output.color).run()


def _insists(choice: QueueChoice, limits: Limits) -> bool:
    """Whether AMQP alone cannot tell what is asked for."""
    return limits.need_management or not choice.is_names
