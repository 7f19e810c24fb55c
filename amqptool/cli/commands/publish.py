"""`amqptool publish`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from amqptool.cli.context import Context, pass_context
from amqptool.cli.examples import examples
from amqptool.cli.options import Command
from amqptool.cli.publish_options import publish_options
from amqptool.cli.published import view
from amqptool.cli.publishing import Job, prepare
from amqptool.cli.running import Stop, run

if TYPE_CHECKING:
    from amqptool.broker.discovery import Where
    from amqptool.cli.exits import ExitCode
    from amqptool.cli.output import View
    from amqptool.publish.report import Report


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
@publish_options
@pass_context
def publish(context: Context, /, **options: Any) -> ExitCode:
    """Publish a message, or many, and say what became of each.

    BODY is the message's text; '-' (or nothing, behind a pipe) reads one body from stdin. Messages are
    persistent, mandatory, confirmed, and carry a UUID as their id, which is printed. Bodies are sent as they
    are, whatever --content-type says, unless --encode or --compress says otherwise. Where TRACEPARENT names a
    trace, they are part of it.
    """
    where = context.resolve_urls().value
    job = prepare(context, options)

    async def publish_and_view(stop: Stop) -> View:
        return view(await _publish(context, where, job, options, stop), job, stop)

    with job.trace.active():
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
        trace=job.trace.has_spans,
    )
    ledger = job.ledger()
    with job.progress_shown(context, publisher, ledger.report):
        return await publish_all(publisher, job.feed(ledger), ledger, stopping, skip_refused=job.skips_errors)
