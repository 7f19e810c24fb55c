"""`amqptool purge`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from amqptool.cli.asking import ask
from amqptool.cli.columns import in_columns
from amqptool.cli.context import Context, pass_context
from amqptool.cli.examples import examples
from amqptool.cli.exits import tally
from amqptool.cli.names import queue_names
from amqptool.cli.options import Command
from amqptool.cli.output import View, counted, error_fields
from amqptool.cli.running import run
from amqptool.cli.sanitize import without_passwords

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.broker.purging import Purged
    from amqptool.cli.exits import ExitCode

#: So many queues are named in the question.
_NAMED = 10


@click.command(
    cls=Command,
    epilog=examples(
        ("Delete the ready messages of a queue, without being asked", "amqptool purge --yes tasks"),
        ("Delete those of two queues, and count them for a script", "amqptool purge --yes --json tasks notifications"),
    ),
)
@click.argument("queues", nargs=-1, required=True, metavar="QUEUE...", shell_complete=queue_names)
@click.option("--yes", "-y", is_flag=True, help="Do not ask; needed where nobody can be asked.")
@pass_context
def purge(context: Context, /, queues: tuple[str, ...], yes: bool) -> ExitCode:
    """Delete the ready messages of queues for good.

    Un-acked messages, which consumers have in hand, are left alone. If some queues fail the exit code is 3.
    """
    names = list(dict.fromkeys(queues))
    if not yes:
        ask(_question(names, _hosts(context)), to="delete messages")
    return context.output.show(_view(run(context, lambda _: _purge(context, names))))


async def _purge(context: Context, queues: Sequence[str]) -> list[Purged]:
    from amqptool.broker.purging import purge as purge_all

    return await purge_all(context.resolve_urls().value, queues)


def _question(queues: Sequence[str], hosts: str) -> str:
    more = f" and {len(queues) - _NAMED:,} more" if len(queues) > _NAMED else ""
    named = f"queue{'' if len(queues) == 1 else 's'} {', '.join(map(repr, queues[:_NAMED]))}{more}"
    return f"Delete all ready messages of {named} at {hosts}?"


def _hosts(context: Context) -> str:
    from amqptool.broker.discovery import urls_at

    return " or ".join(url.address for url in urls_at(context.resolve_urls().value))


def _view(outcomes: Sequence[Purged]) -> View:
    errors = [each.error for each in outcomes if each.error is not None]
    done = [each for each in outcomes if each.count is not None]
    total = sum(each.count or 0 for each in done)
    rows = [("DELETED", "QUEUE"), *((f"{each.count:,}", each.queue) for each in done)]
    return View(
        kind="purge",
        document={"deleted": total, "queues": [_document(each) for each in outcomes]},
        data=in_columns(rows, right=(0,)) if done else "",
        errors=tuple(map(str, errors)),
        talk=f"{counted(total, 'message')} deleted" if len(done) > 1 else "",
        code=tally(len(done), errors),
    )


def _document(outcome: Purged) -> dict[str, Any]:
    if outcome.error is None:
        return {"name": outcome.queue, "deleted": outcome.count}
    return {"name": without_passwords(outcome.queue), **error_fields(outcome.error)}  # a URL may be given as a name
