"""`amqptool publish`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from amqptool.cli.coding import coding_options
from amqptool.cli.context import Context, pass_context
from amqptool.cli.described import validate_option
from amqptool.cli.examples import examples
from amqptool.cli.fields import HeaderType
from amqptool.cli.measures import Duration, Factor, Rate
from amqptool.cli.names import exchange_names, queue_names
from amqptool.cli.options import Command
from amqptool.cli.published import view
from amqptool.cli.publishing import Job, prepare
from amqptool.cli.running import Stop, run

if TYPE_CHECKING:
    from amqptool.broker.discovery import Where
    from amqptool.cli.exits import ExitCode
    from amqptool.cli.output import View
    from amqptool.publish.report import Report


def _refuse_delay(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        raise click.BadParameter(
            "RabbitMQ does not delay single messages without a plugin. Delay a whole queue: one with 'message_ttl' "
            "and a 'dead_letter_exchange' that leads on, or 'retry:' in a topology file.",
            context,
            parameter,
        )


@click.command(
    cls=Command,
    epilog=examples(
        (
            "Publish a message, and print its id",
            'amqptool publish -e incoming -k publish.playstore \'{"app": "maps"}\'',
        ),
        (
            "Publish each line of a file to a queue, at most 100 a second",
            "amqptool publish -k tasks --lines tasks.txt --rate 100/s",
        ),
    ),
)
@click.argument("body", required=False)
@click.option(
    "--exchange",
    "-e",
    metavar="NAME",
    shell_complete=exchange_names,
    help="The exchange; left out, the default one: the key is a queue.",
)
@click.option("--routing-key", "-k", metavar="KEY", shell_complete=queue_names, help="The routing key.")
@click.option(
    "--file",
    "files",
    multiple=True,
    metavar="PATH",
    help="Publish a file's bytes, or each file of a directory, as one message; - is stdin. Repeatable.",
)
@click.option("--recursive", is_flag=True, help="With --file: the files of subdirectories too.")
@click.option("--lines", metavar="FILE", help="Publish each line as a message; - is stdin.")
@click.option("--jsonl", metavar="FILE", help="Publish JSON records, as 'consume --output jsonl' writes them.")
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="Publish the message N times.")
@click.option(
    "--template",
    is_flag=True,
    help="Fill {{count}}, {{uuid}}, {{now}} and {{random 1 100}} in bodies, "
    "routing key and header values; {{{{ is {{ itself.",
)
@click.option("--rate", type=Rate(), metavar="N/s", help="No more than so many a second (/s), minute (/m), hour (/h).")
@click.option(
    "--speed",
    type=Factor(),
    metavar="2",
    help="With --jsonl: as fast as 'tap' has recorded it, or so many times as fast.",
)
@click.option("--receipts", metavar="FILE", help="Append to FILE what became of each message; - is stdout.")
@click.option(
    "--resume", is_flag=True, help="Go on with the run in --receipts: send what it does not say is confirmed."
)
@click.option("--failed", metavar="FILE", help="Write the messages that did not go, for --jsonl; - is stdout.")
@click.option(
    "--on-error",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="What to do about a line or file that is no message.",
)
@validate_option("Check bodies first, by the schemas that this topology file's messages have for them.")
@click.option("--header", "-H", "headers", multiple=True, type=HeaderType(), metavar="K=V", help="k=text or k:=json.")
@click.option("--content-type", metavar="TYPE", help="Such as application/json.")
@coding_options
@click.option("--message-id", metavar="UUID", help="Left out, a new UUID.")
@click.option(
    "--id-from",
    metavar="uuid4|uuid7|body:/POINTER",
    help="Where ids come from: chance, time and chance, or "
    "a place in a JSON body.  [default: time and chance; with --receipts, run and line]",
)
@click.option("--correlation-id", metavar="TEXT")
@click.option("--reply-to", metavar="TEXT")
@click.option("--expiration", metavar="30s", help="How long the message may wait in a queue; plain: milliseconds.")
@click.option("--delay", hidden=True, expose_value=False, callback=_refuse_delay)
@click.option("--priority", type=click.IntRange(0, 255), metavar="N")
@click.option("--timestamp", type=click.IntRange(min=0), metavar="SECONDS", help="Seconds since the epoch.")
@click.option("--type", metavar="TEXT")
@click.option("--user-id", metavar="NAME", help="Must be the connection's user; the broker checks.")
@click.option("--app-id", metavar="TEXT")
@click.option("--transient", is_flag=True, help="Do not ask for survival of a broker restart.")
@click.option("--allow-unroutable", is_flag=True, help="Confirm even what no queue takes (not mandatory).")
@click.option("--confirm-timeout", type=Duration(), default="30s", show_default=True, metavar="TIME")
@click.option("--blocked-timeout", type=Duration(), default="60s", show_default=True, metavar="TIME")
@click.option(
    "--reconnect-timeout",
    type=Duration(),
    default="60s",
    show_default=True,
    metavar="TIME",
    help="How long to try to send what a lost connection left in doubt again.",
)
@click.option(
    "--nack-retries",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    metavar="N",
    help="How often to send a message again that the broker refused with a nack.",
)
@pass_context
def publish(context: Context, /, **options: Any) -> ExitCode:
    """Publish a message, or many, and say what became of each.

    BODY is the message's text; '-' (or nothing, behind a pipe) reads one body from stdin. Messages are
    persistent, mandatory, confirmed, and carry a UUID as their id, which is printed. Bodies are sent as they
    are, whatever --content-type says, unless --encode or --compress says otherwise.
    """
    where = context.resolve_urls().value
    job = prepare(context, options)

    async def publish_and_view(stop: Stop) -> View:
        return view(await _publish(context, where, job, options, stop), job, stop)

    return context.output.show(run(context, publish_and_view))


async def _publish(context: Context, where: Where, job: Job, options: dict[str, Any], stop: Stop) -> Report:
    from amqptool.publish.publisher import Publisher
    from amqptool.publish.report import publish_all

    stopping = asyncio.Event()
    stop.then(stopping.set)
    publisher = Publisher(
        where,
        mandatory=not options["allow_unroutable"],
        confirm_timeout=options["confirm_timeout"],
        blocked_timeout=options["blocked_timeout"],
        reconnect_timeout=options["reconnect_timeout"],
        nack_retries=options["nack_retries"],
        trace=False,
    )
    ledger = job.ledger()
    async with job.progress(context, publisher, ledger.report):
        return await publish_all(publisher, job.feed(ledger), ledger, stopping, skip_refused=job.skips_errors)
