"""`declare --migrate`: changing a queue that holds messages, and saying how it went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.cli.output import View, counted
from amqptool.cli.running import run
from amqptool.cli.sanitize import clean_line

if TYPE_CHECKING:
    from amqptool.cli.context import Context
    from amqptool.cli.exits import ExitCode
    from amqptool.migrate import Migrated
    from amqptool.topology.model import Topology


def migrate_queue(context: Context, topology: Topology, queue: str, *, force: bool) -> ExitCode:
    """Migrate a queue, telling each step; see `amqptool.migrate.migrate` for the errors."""
    return context.output.show(_view(run(context, lambda _: _migrate(context, topology, queue, force=force))))


async def _migrate(context: Context, topology: Topology, queue: str, *, force: bool) -> Migrated:
    from amqptool.migrate import migrate

    begun = False

    def on_progress(step: str) -> None:
        nonlocal begun
        begun = True
        context.output.talk(clean_line(step))

    url = await context.choose_url()
    async with context.management() as management:
        try:
            return await migrate(url, topology, queue, management, force=force, on_progress=on_progress)
        except BaseException:
            if begun:
                context.output.talk(clean_line(f"queue {queue} is half migrated; the same command goes on from here"))
            raise


def _view(result: Migrated) -> View:
    return View(
        kind="declare",
        document={
            "migration": {
                "queue": result.queue,
                "changed": list(result.changed),
                "moved": result.moved,
                "resumed": result.resumed,
            }
        },
        talk=_summary(result),
    )


def _summary(result: Migrated) -> str:
    if not result.changed and not result.resumed:
        return clean_line(f"queue {result.queue} is as the files say; there is nothing to migrate")
    changed = f" ({', '.join(result.changed)} changed)" if result.changed else ""
    moved = counted(result.moved, "message")
    return clean_line(f"queue {result.queue} is migrated{changed}; {moved} moved, there and back")
