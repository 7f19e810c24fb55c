"""`amqptool dead`: what died, why, and what becomes of it now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from amqptool.cli.asking import ask
from amqptool.cli.context import Context, pass_context
from amqptool.cli.dead_letters import (
    choice_of,
    choice_options,
    group_document,
    group_table,
    letter_document,
    letter_page,
    replay_view,
)
from amqptool.cli.doings import Replaying, shown
from amqptool.cli.examples import examples
from amqptool.cli.exits import look_code
from amqptool.cli.measures import Rate
from amqptool.cli.names import exchange_names, queue_names
from amqptool.cli.options import CommandGroup
from amqptool.cli.output import View, counted
from amqptool.cli.printing import Printer, form_of, page_bytes
from amqptool.cli.running import Stop, run
from amqptool.errors import AmqptoolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.cli.exits import ExitCode
    from amqptool.dead.replay import ReplayReport
    from amqptool.handlers import AnyHandler
    from amqptool.message import Delivery
    from amqptool.work.look import LookReport

queue_argument = click.argument("queue", shell_complete=queue_names)
#: Seconds to let a page be written once told to stop.
_GRACE = 5.0


def limit_option(text: str, default: int | None = None) -> Callable[[Any], Any]:
    """Make the option that says how many are enough."""
    return click.option(
        "--limit", "-n", type=click.IntRange(min=1), default=default, show_default=default is not None, metavar="N",
        help=text,
    )  # fmt: skip


@click.group(cls=CommandGroup)
def dead() -> None:
    """Look into a dead-letter queue, and send its messages again.

    It reads what amqptool's workers write into a dead letter (--dead-letter of consume), and what RabbitMQ does
    (x-death). What is only looked at keeps its place.
    """


@dead.command(
    name="list",
    epilog=examples(
        ("Count what died, by reason, queue and error", "amqptool dead list tasks.dead"),
        ("Count what has died since yesterday", "amqptool dead list --newer-than 1d tasks.dead"),
    ),
)
@queue_argument
@choice_options
@pass_context
def list_(context: Context, /, queue: str, **options: Any) -> ExitCode:
    """Count dead letters by what they died of, and where."""
    from amqptool.dead.groups import Groups
    from amqptool.dead.reading import read

    groups = Groups()

    async def count(delivery: Delivery) -> None:
        groups.add(read(delivery.message))

    report, code = _look(context, queue, count, options, keep=True)
    found = groups.largest_first()
    return context.output.show(
        View(
            kind="dead list",
            document={"queue": queue, "count": report.handled, "groups": [group_document(each) for each in found]},
            data=group_table(found),
            talk="" if report.handled or report.undecodable else _nothing_found(queue, report.looked_at),
            code=code,
        )
    )


def _nothing_found(queue: str, looked_at: int) -> str:
    if looked_at:
        return f"none of {counted(looked_at, 'message')} is meant"
    return f"queue {queue!r} holds no message that is ready"


@dead.command(
    epilog=examples(
        ("See what one message was, and why it died", "amqptool dead show -n 1 tasks.dead"),
        (
            "See those that a handler has rejected, with tracebacks",
            "amqptool dead show --reason rejected -v tasks.dead",
        ),
    ),
)
@queue_argument
@limit_option("So many are enough.", 10)
@choice_options
@pass_context
def show(context: Context, /, queue: str, **options: Any) -> ExitCode:
    """Show dead letters, and how each has failed.

    A message is shown as it was published. With -v, the traceback of its last attempt is shown too.
    """
    from amqptool.dead.reading import read

    letters: list[dict[str, Any]] = []

    async def collect(delivery: Delivery) -> None:
        letters.append(letter_document(read(delivery.message)))

    def page(delivery: Delivery) -> bytes:
        text = letter_page(read(delivery.message), verbose=context.verbose > 0)
        return page_bytes(text, color=context.output.color)

    _, code = _look(context, queue, collect if context.json else Printer(page), options, keep=True)
    if context.json:
        context.output.show(View(kind="dead show", document={"queue": queue, "letters": letters}, code=code))
    return code


@dead.command(
    epilog=examples(
        ("Keep them in a file", "amqptool dead export tasks.dead > dead.jsonl"),
        ("Keep those that died in one queue", "amqptool dead export --died-in tasks tasks.dead > tasks.jsonl"),
    ),
)
@queue_argument
@limit_option("So many are enough.")
@choice_options
@pass_context
def export(context: Context, /, queue: str, **options: Any) -> ExitCode:
    """Write dead letters as JSON Lines.

    They are written as they lie in the queue, so that `publish --jsonl` puts them back there.
    """
    _, code = _look(context, queue, Printer(form_of("jsonl", color=None)), options, keep=True)
    return code


@dead.command(
    epilog=examples(
        (
            "Delete one, without being asked",
            "amqptool dead drop --yes --id 6f0d6e31-4f2c-4a7e-9a55-0c9b1f6d7a21 tasks.dead",
        ),
        ("Delete what died long ago", "amqptool dead drop --yes --older-than 30d tasks.dead"),
    ),
)
@queue_argument
@limit_option("So many are enough.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask; needed where nobody can be asked.")
@choice_options
@pass_context
def drop(context: Context, /, queue: str, yes: bool, **options: Any) -> ExitCode:
    """Delete dead letters for good."""
    if not yes:
        ask(f"Delete what is meant of queue {queue!r} for good?", to="drop messages")

    async def let_go(_delivery: Delivery) -> None:
        pass

    report, code = _look(context, queue, let_go, options, keep=False)
    return context.output.show(
        View(
            kind="dead drop",
            document={"queue": queue, "dropped": report.handled, "kept": report.returned},
            talk=f"{report.handled:,} dropped, {report.returned:,} kept",
            code=code,
        )
    )


@dead.command(
    epilog=examples(
        ("See what of the last day would go where", "amqptool dead replay --newer-than 1d --dry-run tasks.dead"),
        ("Send it, ten a second", "amqptool dead replay --newer-than 1d --rate 10/s tasks.dead"),
    ),
)
@queue_argument
@click.option(
    "--exchange",
    "-e",
    shell_complete=exchange_names,
    help="Publish to this exchange.  [default: to the queue where each died]",
)
@click.option(
    "--routing-key",
    "-k",
    shell_complete=queue_names,
    help="By this key.  [default: with --exchange, the message's own]",
)
@limit_option("So many are enough.")
@click.option("--rate", type=Rate(), metavar="100/s", help="No more than so many in a time.")
@click.option("--dry-run", is_flag=True, help="Tell what would go where, and send nothing.")
@choice_options
@pass_context
def replay(context: Context, /, queue: str, **options: Any) -> ExitCode:
    """Send dead letters again, as they were published.

    They go to the queues where they died, unless an exchange or a routing key is given. Each leaves the dead-letter
    queue when the broker has confirmed its copy, with the same message id, and begins with its first attempt.
    Interrupted, the same command goes on. What could not be sent stays where it is.
    """
    report, stop, error = run(context, lambda stop: _replay(context, queue, options, stop))
    return context.output.show(replay_view(queue, report, stop.code, error, dry_run=options["dry_run"]))


def _look(
    context: Context, queue: str, handler: AnyHandler, options: dict[str, Any], *, keep: bool
) -> tuple[LookReport, ExitCode]:
    report, stop = run(context, lambda stop: _look_through(context, queue, handler, options, stop, keep=keep))
    if report.undecodable:
        context.output.complain(f"{counted(report.undecodable, 'message')} could not be decoded, and kept their places")
    return report, look_code(report, stop.code, None)


async def _look_through(
    context: Context, queue: str, handler: AnyHandler, options: dict[str, Any], stop: Stop, *, keep: bool
) -> tuple[LookReport, Stop]:
    from amqptool.handlers import as_handler
    from amqptool.handlers.python import BlockingHandler, ThreadEach
    from amqptool.work.look import Look
    from amqptool.work.worker import PREFETCH

    made = as_handler(handler)
    through = Look(
        *(context.resolve_urls().value, queue, ThreadEach(made) if isinstance(made, BlockingHandler) else made),
        where=[choice_of(options)],
        keep=keep,
        prefetch=PREFETCH,
        grace=_GRACE,
        max_messages=options.get("limit"),
    )
    stop.then(through.stop)
    return await through.run(), stop


async def _replay(
    context: Context, queue: str, options: dict[str, Any], stop: Stop
) -> tuple[ReplayReport, Stop, AmqptoolError | None]:
    from amqptool.dead.replay import Replay, Target

    replaying = Replay(
        *(context.resolve_urls().value, queue),
        choice=choice_of(options),
        on_undecodable=lambda error: context.output.complain(
            f"a message that cannot be decoded is passed over: {error}"
        ),
        target=Target(options["exchange"], options["routing_key"]),
        limit=options["limit"],
        rate=options["rate"],
        dry_run=options["dry_run"],
    )
    stop.then(replaying.stop)
    try:
        with shown(context, Replaying(queue, replaying.report, dry_run=options["dry_run"])):
            return await replaying.run(), stop, None
    except AmqptoolError as error:
        if not replaying.report.looked_at:
            raise
        return replaying.report, stop, error
