"""`amqptool consume`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from amqptool.cli.context import Context, pass_context
from amqptool.cli.exits import ExitCode, work_code
from amqptool.cli.measures import Delays, Duration
from amqptool.cli.options import Command
from amqptool.cli.output import View, counted
from amqptool.cli.printing import FORMATS, Printer
from amqptool.cli.running import Stop, run
from amqptool.cli.topologies import load_topology
from amqptool.errors import InputError

if TYPE_CHECKING:
    from amqptool.handlers import AnyHandler
    from amqptool.work.report import WorkReport

_NO_DEDUP = "none"
_POSITIVE = click.FloatRange(min=0, min_open=True)
#: What only a handler has use for.
_HANDLER_OPTIONS = ("dedup", "dedup_scope", "app_dir", "retry", "dead_letter", "topology", "handler_timeout")
_WORKER_OPTIONS = (
    "dedup_scope",
    "retry",
    "dead_letter",
    "prefetch",
    "concurrency",
    "grace",
    "max_messages",
    "idle_timeout",
    "timeout",
)


@click.command(cls=Command)
@click.argument("queue")
@click.option("--output", type=click.Choice(FORMATS), help="How to print messages.  [default: body]")
@click.option("--handler", metavar="SPEC", help="Give each delivery to this instead of printing it.")
@click.option("--handler-timeout", type=Duration(), metavar="DURATION", help="How long a message may take.")
@click.option("--app-dir", metavar="DIR", help="Look for the handler's module here too.")
@click.option("--concurrency", type=click.IntRange(min=1), default=1, show_default=True, help="Handlers at a time.")
@click.option("--prefetch", type=click.IntRange(1, 65535), help="Deliveries in hand.  [default: 250]")
@click.option("--dedup", metavar="URL", help="sqlite:///FILE, memory: or none.  [default: a file of the user's]")
@click.option("--dedup-scope", metavar="NAME", help="Share the ids under this name.  [default: cluster, vhost, queue]")
@click.option("--retry", type=Delays(), metavar="5s,1m,10m", help="Wait so long after each failed attempt, in queues.")
@click.option("--dead-letter", metavar="QUEUE", help="Where messages go that failed for good.")
@click.option("--topology", metavar="FILE", help="Take both from what this topology file says of the queue.")
@click.option("--max-messages", "-n", type=click.IntRange(min=1), metavar="N", help="Stop after N, each tried once.")
@click.option("--min-messages", type=click.IntRange(min=0), metavar="N", help="Fewer than N are a failure (exit 75).")
@click.option("--idle-timeout", type=_POSITIVE, metavar="SECONDS", help="Stop when nothing comes.")
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop after this time.")
@click.option(
    "--grace", type=click.FloatRange(min=0), default=30.0, show_default=True, metavar="SECONDS",
    help="How long running handlers may take to finish when stopping.",
)  # fmt: skip
@pass_context
def consume(
    context: Context,
    /,
    queue: str,
    output: str | None,
    handler: str | None,
    **options: Any,
) -> ExitCode:
    """Print a queue's messages, or give each to a handler.

    A message is acknowledged once it is printed and flushed, or handled. With a handler, message ids that
    are done are remembered, so that a message delivered again is not handled again.

    A message whose handler fails waits in another queue for each delay of --retry, and then goes to the queue of
    --dead-letter, with the reason in its headers. Without a place to go it is kept, and tried again later each time.
    """
    _check_options(handler, output, options, as_json=context.json)
    if handler is None:
        return _print(context, queue, output or ("jsonl" if context.json else "body"), options)
    return _handle(context, queue, handler, options)


def _check_options(handler: str | None, output: str | None, options: dict[str, Any], *, as_json: bool) -> None:
    if handler is not None and output is not None:
        raise click.UsageError("--output prints and --handler does not: give one of them.")
    if as_json and output not in (None, "jsonl"):
        raise click.UsageError(f"--json prints JSON Lines and --output {output} does not: give one of them.")
    if options["topology"] is not None and (options["retry"] is not None or options["dead_letter"] is not None):
        raise click.UsageError("--topology says what --retry and --dead-letter say: give either.")
    for name in _HANDLER_OPTIONS:
        if handler is None and options[name] is not None:
            raise click.UsageError(f"--{name.replace('_', '-')} is for a handler: give --handler too.")


def _print(context: Context, queue: str, output: str, options: dict[str, Any]) -> ExitCode:
    printer = Printer(output, color=context.output.color)
    report, stop = run(context, lambda stop: _work(context, queue, printer, None, options, stop))
    code = work_code(report, stop.code, options["min_messages"])
    if code not in (ExitCode.DONE, ExitCode.INTERRUPTED):
        context.output.talk(_summary(report, "printed"))
    return code


def _handle(context: Context, queue: str, handler: str, options: dict[str, Any]) -> ExitCode:
    from amqptool.handlers import load_handler
    from amqptool.settings.paths import dedup_url

    if options["app_dir"] is not None:
        sys.path.insert(0, options["app_dir"])
    loaded = load_handler(handler, timeout=options["handler_timeout"])
    if options["topology"] is not None:
        options |= _ladder(context, options["topology"], queue)
    dedup = options["dedup"] or dedup_url(context.environ)
    store = None if dedup == _NO_DEDUP else dedup
    report, stop = run(context, lambda stop: _work(context, queue, loaded, store, options, stop))
    code = work_code(report, stop.code, options["min_messages"])
    return context.output.show(
        View(kind="consume", document=asdict(report), talk=_summary(report, "handled"), code=code)
    )


def _ladder(context: Context, file: str, name: str) -> dict[str, Any]:
    """Return what a topology file says of a queue's failed messages, as the options that say so."""
    vhost = context.resolve_url().value.vhost
    for queue in load_topology(context, [file], {}).queues:
        if queue.name == name and queue.vhost in (None, vhost):
            return {"retry": [delay / 1000 for delay in queue.retry], "dead_letter": queue.dead_letter}
    raise InputError(f"{file} has no queue {name!r}")


async def _work(
    context: Context,
    queue: str,
    handler: AnyHandler,
    dedup: str | None,
    options: dict[str, Any],
    stop: Stop,
) -> tuple[WorkReport, Stop]:
    from amqptool.work.worker import Worker

    settings = {name: options[name] for name in _WORKER_OPTIONS} | {"retry": options["retry"] or ()}
    worker = Worker(context.resolve_urls().value, queue, handler, dedup=dedup, **settings)
    stop.then(worker.stop)
    return await worker.serve(), stop


def _summary(report: WorkReport, verb: str) -> str:
    parts = [
        (report.handled, f"{report.handled:,} {verb}"),
        (report.duplicates, counted(report.duplicates, "duplicate")),
        (report.retried, f"{report.retried:,} retried"),
        (report.dead, counted(report.dead, "dead letter")),
        (report.failed_attempts, counted(report.failed_attempts, "failed attempt")),
        (report.returned, f"{report.returned:,} given back"),
        (report.abandoned, f"{report.abandoned:,} left unfinished"),
        (report.reconnects, counted(report.reconnects, "reconnect")),
    ]
    shown = [text for position, (number, text) in enumerate(parts) if number or position == 0]
    reason = "" if report.stopped_by == "stop" else f" (stopped by --{report.stopped_by})"
    return ", ".join(shown) + reason
