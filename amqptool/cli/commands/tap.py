"""`amqptool tap`: what goes through exchanges, unnoticed by anybody."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from amqptool.cli.context import Context, pass_context
from amqptool.cli.examples import examples
from amqptool.cli.exits import ExitCode, tap_code
from amqptool.cli.looking import Where
from amqptool.cli.measures import Duration
from amqptool.cli.names import exchange_names
from amqptool.cli.options import Command
from amqptool.cli.printing import FORMATS, check_stdout, default_format, form_of, on_terminal, write_out
from amqptool.cli.running import Stop, run
from amqptool.cli.tapping import AskedType, complaints, lost, opening, summary, top_view
from amqptool.errors import AccessRefused, BrokerUnavailable, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from amqptool.cli.printing import Form
    from amqptool.cli.top import Top
    from amqptool.message import Delivery
    from amqptool.work.rates import Rates
    from amqptool.work.tap import Source, Tap, TapReport
    from amqptool.work.tap_sources import Asked

_WITHOUT = "the types of the exchanges are not known"
_AT_A_RISK = "if none of them shares its messages out, as x-consistent-hash does, add --amqp-only"


@click.command(
    cls=Command,
    epilog=examples(
        ("See what goes by, until Ctrl-C", "amqptool tap incoming"),
        (
            "Record a minute of it; `publish --jsonl FILE --speed 1` plays it",
            "amqptool tap incoming --duration 1m --output jsonl > recording.jsonl",
        ),
    ),
)
@click.argument(
    "asked", nargs=-1, required=True, type=AskedType(), metavar="EXCHANGE[:KEY]...", shell_complete=exchange_names
)
@click.option("--where", type=Where(), multiple=True, metavar="FIELD=VALUE", help="Only what is so; FIELD!=VALUE: not.")
@click.option("--output", type=click.Choice(FORMATS), help="How to print.  [default: pretty; in a pipe: body]")
@click.option("--top", is_flag=True, help="Show how much goes by which exchange and routing key instead of messages.")
@click.option("--max-messages", "-n", type=click.IntRange(min=1), metavar="N", help="Stop after N.")
@click.option("--timeout", "--duration", type=Duration(), metavar="30s", help="Stop after this time.")
@click.option(
    "--amqp-only", is_flag=True,
    help="Do without the management API, which knows the types of exchanges. Risk: one of a plugin's types, such as "
    "x-consistent-hash, gives the tap what others are to get, and one that deletes itself may go with the tap.",
)  # fmt: skip
@pass_context
def tap(context: Context, /, asked: tuple[Asked, ...], output: str | None, top: bool, **options: Any) -> ExitCode:
    r"""See what goes through exchanges, without taking it from anybody.

    A queue that is the tap's alone is bound to each EXCHANGE, by KEY or for all its messages, and goes with the tap.
    For a direct exchange there must be a KEY. (A colon in the name of an exchange is written \:.)

    Nobody waits for a tap: what it does not write fast enough it drops, the oldest first, and tells how many (exit 3).
    It ends when the connection is lost (exit 69).

    --output jsonl records when each message came, and `publish --jsonl FILE --speed 1` publishes a recording as it was.

    --top counts up to 1,000 pairs of exchange and routing key, and any others together: live on a terminal, and as a
    table at the end. --where is as in consume.
    """
    if top and output is not None:
        raise click.UsageError("--top counts messages and --output prints them: give one of them.")
    if context.json and output not in (None, "jsonl"):
        raise click.UsageError(f"--json prints JSON Lines and --output {output} does not: give one of them.")
    check_stdout()
    if top:
        return _count(context, asked, options)
    return _print(context, asked, output or default_format(as_json=context.json), options)


def _count(context: Context, asked: Sequence[Asked], options: dict[str, Any]) -> ExitCode:
    from amqptool.work.rates import Rates

    rates = Rates()

    async def count(stop: Stop) -> tuple[TapReport, Stop]:
        def take(delivery: Delivery) -> None:
            rates.add(delivery.exchange, delivery.routing_key, len(delivery.body))

        with _shown_live(context, rates) as top:
            tap = _tap(context, asked, take, options, on_open=lambda: None if top is None else top.begin())
            stop.then(tap.stop)
            return await tap.run(), stop

    report, stop = run(context, count)
    return context.output.show(top_view(report, rates.rows(), stop.code))


def _shown_live(context: Context, rates: Rates) -> AbstractContextManager[Top | None]:
    if context.json or context.quiet or context.logs_json or not on_terminal() or context.environ.get("TERM") == "dumb":
        return nullcontext()
    from amqptool.cli.top import Top
    from amqptool.work.rates import RecentRates

    return Top(RecentRates(rates), color=context.output.color)


def _print(context: Context, asked: Sequence[Asked], output: str, options: dict[str, Any]) -> ExitCode:
    form = form_of(output, color=context.output.color)

    printer = _Printer(context, form)

    async def print_all(stop: Stop) -> tuple[TapReport, int, Stop]:
        from amqptool.work.outlet import Outlet

        def take(delivery: Delivery) -> None:
            outlet.take((delivery, datetime.now(UTC)), len(delivery.body))

        tap = _tap(context, asked, take, options)
        outlet = Outlet(printer.write, tap.stop)
        hurry = asyncio.Event()

        def end() -> None:
            tap.stop()
            hurry.set()

        stop.then(end)
        try:
            report = await tap.run()
        finally:
            await outlet.close(hurry)
        return report, outlet.missed, stop

    report, missed, stop = run(context, print_all)
    for line in complaints(report, missed):
        context.output.complain(line)
    unprinted = missed + printer.failed
    context.output.talk(summary(report, "printed", unprinted))
    code = tap_code(report, unprinted, stop.code)
    if report.lost is not None:
        context.output.error(report.lost, code, *lost(report))
    return code


class _Printer:
    """Prints messages, and passes over those of which no record can be made."""

    def __init__(self, context: Context, form: Form) -> None:
        self._context = context
        self._form = form
        #: How many were passed over.
        self.failed = 0

    def write(self, items: Sequence[tuple[Delivery, datetime]]) -> None:
        """Print messages and when they came."""
        write_out(b"".join(self._written(*item) for item in items))

    def _written(self, delivery: Delivery, at: datetime) -> bytes:
        from amqptool.records import time_to_json

        try:
            return self._form(delivery, received_at=time_to_json(at))
        except InputError as error:
            self.failed += 1
            self._context.output.complain(f"message {delivery.message_id} is passed over: {error}")
            return b""


def _tap(
    context: Context,
    asked: Sequence[Asked],
    take: Callable[[Delivery], None],
    options: dict[str, Any],
    on_open: Callable[[], None] = lambda: None,
) -> Tap:
    from amqptool.work.tap import Tap

    def say_so(sources: Sequence[Source]) -> None:
        context.output.talk(opening(sources))
        on_open()

    return Tap(
        *(context.resolve_urls().value, lambda: _sources(context, asked, options), take),
        **{name: options[name] for name in ("where", "max_messages", "timeout")},
        on_open=say_so,
    )


async def _sources(context: Context, asked: Sequence[Asked], options: dict[str, Any]) -> list[Source]:
    from amqptool.cli.management import management_if_any
    from amqptool.work.tap_sources import are_predeclared, find_sources

    vhost = (await context.choose_url()).vhost
    if options["amqp_only"]:
        return await find_sources(None, vhost, asked)
    insists = not are_predeclared(asked)
    try:
        async with management_if_any(context, _WITHOUT, insist_on_guess=insists) as management:
            return await find_sources(management, vhost, asked)
    except (AccessRefused, BrokerUnavailable) as error:
        raise type(error)(f"{error}; {_WITHOUT}: {_AT_A_RISK}", reply_code=error.reply_code) from error
