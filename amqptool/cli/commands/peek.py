"""`amqptool peek`: the first messages of a queue, or of a stream from an offset on, and nothing is taken."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from amqptool.cli.context import Context, pass_context
from amqptool.cli.examples import examples
from amqptool.cli.exits import ExitCode, look_code
from amqptool.cli.looking import Where
from amqptool.cli.measures import Duration
from amqptool.cli.names import queue_names
from amqptool.cli.options import Command
from amqptool.cli.output import counted
from amqptool.cli.printing import FORMATS, Printer, default_format, form_of
from amqptool.cli.running import Stop, run
from amqptool.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.cli.printing import Form
    from amqptool.handlers.interface import Handler
    from amqptool.message import Delivery
    from amqptool.work.look import LookReport
    from amqptool.work.offsets import Offset

#: Seconds to let a message be printed once told to stop.
_GRACE = 5.0


class OffsetType(click.ParamType["Offset"]):
    """Where in a stream to begin."""

    name = "offset"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Offset:
        """Read an offset."""
        from amqptool.work.offsets import parse_offset

        try:
            return parse_offset(str(value))
        except InputError as error:
            self.fail(str(error), param, ctx)


@click.command(
    cls=Command,
    epilog=examples(
        ("See the first messages", "amqptool peek playstore"),
        (
            "See three with such a key, as JSON Lines",
            "amqptool peek playstore -n 3 --where 'routing_key=publish.*' --json",
        ),
    ),
)
@click.argument("queue", shell_complete=queue_names)
@click.option(
    "--limit", "-n", type=click.IntRange(min=1), default=10, show_default=True, metavar="N", help="So many are enough."
)
@click.option("--where", type=Where(), multiple=True, metavar="FIELD=VALUE", help="Only what is so; FIELD!=VALUE: not.")
@click.option("--output", type=click.Choice(FORMATS), help="How to print.  [default: pretty; in a pipe: body]")
@click.option(
    "--offset", type=OffsetType(), metavar="OFFSET",
    help="Where in a stream to begin: first, last, next (and wait), a number, a time, or how long ago, such as 1h."
    "  [default: first]",
)  # fmt: skip
@click.option(
    "--timeout",
    type=Duration(),
    metavar="10s",
    help="Stop after this time; a broker that is slower is hung up on, which it counts as a failed delivery.",
)
@pass_context
def peek(context: Context, /, queue: str, output: str | None, offset: Offset | None, **options: Any) -> ExitCode:
    """Look at the first messages of a queue, or into a stream, and take nothing.

    The messages of a queue go back to their places. To whoever gets them next they are marked as redelivered, and to
    quorum queues before RabbitMQ 4.3 each look counts as a delivery, of which x-delivery-limit allows so many. A stream
    gives everybody all that it holds, so a look into it changes nothing.

    Each message is shown with its position: in a queue its place from the head, counted from 1, in a stream its offset.
    --where is as in consume.
    """
    if context.json and output not in (None, "jsonl"):
        raise click.UsageError(f"--json prints JSON Lines and --output {output} does not: give one of them.")
    form = form_of(output or default_format(as_json=context.json), color=context.output.color)
    report, is_stream, stop = run(context, lambda stop: _look(context, queue, form, offset, options, stop))
    if report.undecodable:
        context.output.complain(f"{counted(report.undecodable, 'message')} could not be decoded, and passed over")
    context.output.talk(_summary(report, is_stream=is_stream))
    return look_code(report, stop.code, None)


async def _look(
    context: Context,
    queue: str,
    form: Form,
    offset: Offset | None,
    options: dict[str, Any],
    stop: Stop,
) -> tuple[LookReport, bool, Stop]:
    """Look into the queue as into a stream, which the broker refuses if it is none, and then as into any other."""
    from amqptool.work.look import Look
    from amqptool.work.offsets import FIRST
    from amqptool.work.stream_look import StreamLook
    from amqptool.work.worker import PREFETCH

    settings = {"where": options["where"], "max_messages": options["limit"]}
    urls, left = context.resolve_urls().value, _clock(options["timeout"])
    by_offset = _printer(form, lambda delivery: delivery.headers["x-stream-offset"])
    stream = StreamLook(urls, queue, by_offset, offset=FIRST if offset is None else offset, timeout=left(), **settings)
    stop.then(stream.stop)
    report = await stream.run()
    if report is not None:
        return report, True, stop
    if offset is not None:
        raise InputError(f"queue {queue!r} is no stream, which alone has an --offset")
    by_place = _printer(form, lambda delivery: delivery.delivery_tag)  # which counts the deliveries of this look
    through = Look(urls, queue, by_place, keep=True, prefetch=PREFETCH, grace=_GRACE, timeout=left(), **settings)
    stop.then(through.stop)
    if stop.signal is not None:  # it came while the first look let go of its connection
        through.stop()
    return await through.run(), False, stop


def _clock(seconds: float | None) -> Callable[[], float | None]:
    """Return what tells how many of the seconds are left."""
    end = None if seconds is None else time.monotonic() + seconds
    return lambda: None if end is None else max(0.0, end - time.monotonic())


def _printer(form: Form, position: Callable[[Delivery], Any]) -> Handler:
    from amqptool.handlers.python import BlockingHandler, ThreadEach

    return ThreadEach(BlockingHandler(Printer(lambda delivery: form(delivery, position=position(delivery)))))


def _summary(report: LookReport, *, is_stream: bool) -> str:
    if not report.looked_at:
        return "nothing to see from there on" if is_stream else "nothing to see: no message is ready"
    shown = f"{report.handled:,} shown" + (f" of {report.looked_at:,}" if report.looked_at > report.handled else "")
    reason = " (stopped by --timeout)" if report.stopped_by == "timeout" else ""
    if is_stream:
        return f"{shown}; a stream keeps what is read{reason}"
    return f"{shown}; {report.returned:,} given back, now marked as redelivered{reason}"
