"""`amqptool consume`."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

from amqptool.cli.consume_checks import (
    AT_MOST_ONCE,
    NO_DEDUP,
    check_handler_options,
    check_ladder,
    check_look_options,
    check_processes,
    check_promises,
    check_transaction,
)
from amqptool.cli.consume_options import consume_options
from amqptool.cli.context import Context, pass_context
from amqptool.cli.described import described_in
from amqptool.cli.doings import Working, shown
from amqptool.cli.examples import examples
from amqptool.cli.exits import ExitCode, work_code
from amqptool.cli.looking import look
from amqptool.cli.names import queue_names
from amqptool.cli.options import Command
from amqptool.cli.output import View
from amqptool.cli.printing import Printer, form_of
from amqptool.cli.running import Stop, run
from amqptool.cli.topologies import load_topology
from amqptool.cli.worked import document, summary
from amqptool.errors import InputError
from amqptool.settings import DEFAULT_ORIGIN

if TYPE_CHECKING:
    from amqptool.cli.processes import Supervised
    from amqptool.handlers import AnyHandler
    from amqptool.work.report import WorkReport

_WORKER_OPTIONS = (
    "dedup_scope",
    "commit",
    "transaction",
    "prefetch_bytes",
    "retry",
    "dead_letter",
    "prefetch",
    "concurrency",
    "consumer_timeout",
    "grace",
    "max_messages",
    "idle_timeout",
    "timeout",
    "metrics_port",
    "metrics_address",
)


@click.command(
    cls=Command,
    epilog=examples(
        ("Take a message and print it", "amqptool consume playstore -n 1"),
        (
            "Handle messages, with the retries and dead letters of a topology file",
            "amqptool consume playstore --handler releases:announce --app-dir . \\\n    --topology topology.yaml",
        ),
    ),
)
@click.argument("queue", shell_complete=queue_names)
@consume_options
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

    A message is acknowledged once it is printed and flushed, on the disk, or handled. With a handler, message ids that
    are done are remembered, so that a message delivered again is not handled again.

    A message whose handler fails waits in another queue for each delay of --retry, and then goes to the queue of
    --dead-letter, with the reason in its headers. Without a place to go it is kept, and tried again later each time.

    A handler is package.module:callable, the name of an installed one, exec:COMMAND (a process for each message: its
    body on stdin, exit code 0 done, 75 again, 65 dead letter), exec-lines:COMMAND (processes that stay, asked by lines
    of JSON) or a URL (a POST for each message).

    With --transaction, the callable also gets a transaction of the database that --dedup names, in which its message
    becomes done when it returns: what it does there is done exactly once.

    --where compares routing_key (a topic pattern), exchange, type, message_id, app_id, correlation_id or header.NAME
    ('*' is any characters; a header may be a number or true or false). With it, or --requeue, each message that is
    there is looked at once, the others are put back in their places, and the command ends. To quorum queues before
    RabbitMQ 4.3, putting back counts as a delivery, of which x-delivery-limit allows so many (from 4.0 on, 20).
    """
    _check_options(handler, output, options, as_json=context.json)
    check_handler_options(handler, options)
    check_look_options(handler, output, options)
    if handler is not None and options["ack_mode"] != AT_MOST_ONCE:
        options["dedup"] = _named_dedup(context, options["dedup"])
    check_promises(options)
    check_transaction(handler, options)
    check_ladder(queue, options)
    check_processes(handler, options)
    if options["processes"] > 1 and options["supervised"] is None:
        return _supervise(context, options)
    if options["supervised"] is not None and handler is not None:
        return _handle_supervised(context, queue, handler, options)
    if options["save"] is not None:
        return _save(context, queue, options)
    if handler is None:
        return _print(context, queue, output or ("jsonl" if context.json else "body"), options)
    return _handle(context, queue, handler, options)


def _named_dedup(context: Context, flag: str | None) -> str | None:
    """Return the dedup store that a setting names, or None where it is the user's file."""
    resolved = context.resolve_dedup(flag)
    return None if resolved.origin == DEFAULT_ORIGIN else resolved.value


def _check_options(handler: str | None, output: str | None, options: dict[str, Any], *, as_json: bool) -> None:
    if handler is not None and output is not None:
        raise click.UsageError("--output prints and --handler does not: give one of them.")
    if as_json and output not in (None, "jsonl"):
        raise click.UsageError(f"--json prints JSON Lines and --output {output} does not: give one of them.")
    if options["topology"] is not None and (options["retry"] is not None or options["dead_letter"] is not None):
        raise click.UsageError("--topology says what --retry and --dead-letter say: give either.")


def _print(context: Context, queue: str, output: str, options: dict[str, Any]) -> ExitCode:
    printer = Printer(form_of(output, color=context.output.color))
    options["concurrency"] = 1  # one after another, in their order
    if options["where"] or options["requeue"]:
        view = look(context, queue, printer, "printed", options)
        context.output.talk(view.talk)
        return view.code
    report, stop = run(context, lambda stop: _work(context, queue, printer, None, options, stop))
    code = work_code(report, stop.code, options["min_messages"], limited=options["max_messages"] is not None)
    if code not in (ExitCode.DONE, ExitCode.INTERRUPTED):
        context.output.talk(summary(report, "printed"))
    return code


def _save(context: Context, queue: str, options: dict[str, Any]) -> ExitCode:
    from amqptool.cli.saving import CONCURRENCY, Saver

    saver = Saver(options["save"])
    options["concurrency"] = CONCURRENCY
    if options["where"] or options["requeue"]:
        return context.output.show(look(context, queue, saver, "saved", options))
    report, stop = run(context, lambda stop: _work(context, queue, saver, None, options, stop))
    code = work_code(report, stop.code, options["min_messages"], limited=options["max_messages"] is not None)
    return context.output.show(
        View(kind="consume", document=document(report), talk=summary(report, "saved"), code=code)
    )


def _supervise(context: Context, options: dict[str, Any]) -> ExitCode:
    from amqptool.cli.processes import Supervisor

    async def supervise(stop: Stop) -> tuple[Supervisor, Stop]:
        supervisor = Supervisor(sys.argv[1:], options["processes"], options["metrics_port"])
        await supervisor.run(stop)
        return supervisor, stop

    supervisor, stop = run(context, supervise, connects=False)
    code = supervisor.code(stop.code, options["min_messages"])
    if supervisor.hopeless is not None:
        return code  # of which the process itself has said why
    report = supervisor.report
    return context.output.show(
        View(kind="consume", document=document(report), talk=summary(report, "handled"), code=code)
    )


def _handle_supervised(context: Context, queue: str, handler: str, options: dict[str, Any]) -> ExitCode:
    """Work, and leave it to the supervisor to say what was done."""
    from amqptool.cli.processes import Supervised

    with Supervised(options["supervised"]) as supervised:
        report, stop = _work_with(context, queue, handler, options, supervised)
        supervised.send(report)
    return work_code(report, stop.code, None, limited=False)


def _handle(context: Context, queue: str, handler: str, options: dict[str, Any]) -> ExitCode:
    report, stop = _work_with(context, queue, handler, options)
    code = work_code(report, stop.code, options["min_messages"], limited=options["max_messages"] is not None)
    return context.output.show(
        View(kind="consume", document=document(report), talk=summary(report, "handled"), code=code)
    )


def _work_with(
    context: Context, queue: str, handler: str, options: dict[str, Any], supervised: Supervised | None = None
) -> tuple[WorkReport, Stop]:
    if options["app_dir"] is not None:
        sys.path.insert(0, options["app_dir"])
    loaded = _load_handler(handler, options)
    if options["topology"] is not None:
        options |= _ladder(context, options["topology"], queue)
    dedup = NO_DEDUP if options["ack_mode"] == AT_MOST_ONCE else context.resolve_dedup(options["dedup"]).value
    store = None if dedup == NO_DEDUP else dedup
    return run(context, lambda stop: _work(context, queue, loaded, store, options, stop, supervised))


def _load_handler(spec: str, options: dict[str, Any]) -> AnyHandler:
    if options["transaction"]:
        from amqptool.handlers.transaction import as_transaction_handler

        return as_transaction_handler(spec)
    from amqptool.handlers import load_handler

    return load_handler(spec, timeout=options["handler_timeout"], gzip=options["handler_gzip"])


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
    supervised: Supervised | None = None,
) -> tuple[WorkReport, Stop]:
    from amqptool.work.worker import Worker

    settings = {name: options[name] for name in _WORKER_OPTIONS} | {
        "commit": options["commit"] or "group",
        "retry": options["retry"] or (),
        "at_most_once": options["ack_mode"] == AT_MOST_ONCE,
        "reject_missing_id": options["missing_id"] == "reject",
        "validate": None if options["validate"] is None else described_in(context, options["validate"]),
    }
    worker = Worker(context.resolve_urls().value, queue, handler, dedup=dedup, **settings)
    stop.then(worker.stop)
    if supervised is not None:
        supervised.watch(worker.stop)
    quiet = supervised is not None or (isinstance(handler, Printer) and _shares_terminal())
    with nullcontext() if quiet else shown(context, Working(worker)):
        return await worker.serve(), stop


def _shares_terminal() -> bool:
    from amqptool.cli.live import shares_terminal

    return shares_terminal()
