"""`amqptool wait`: until the broker is there, and what is needed in it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from amqptool.cli.context import Context, pass_context
from amqptool.cli.examples import examples
from amqptool.cli.management import GUESS_TIMEOUT
from amqptool.cli.measures import Duration
from amqptool.cli.names import queue_names
from amqptool.cli.options import Command
from amqptool.cli.output import View
from amqptool.cli.running import run
from amqptool.errors import BrokerError, ConfigError
from amqptool.settings import DEFAULT_ORIGIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.broker.management import Management
    from amqptool.broker.occupancy import Occupancy
    from amqptool.broker.reaching import ChooseManagement
    from amqptool.cli.exits import ExitCode


@click.command(
    cls=Command,
    epilog=examples(
        ("Wait until the broker answers", "amqptool wait --timeout 2m"),
        ("Wait until all tasks are done", "amqptool wait --queue tasks --empty --timeout 10m"),
    ),
)
@click.option(
    *("--queue", "queues"), multiple=True, metavar="QUEUE", shell_complete=queue_names,
    help="Until this queue exists; may be repeated.",
)  # fmt: skip
@click.option("--empty", is_flag=True, help="Until the queues hold nothing, too.")
@click.option(
    "--timeout", type=Duration(), default="60s", show_default=True, metavar="30s", help="Give up after so long."
)
@pass_context
def wait(context: Context, /, queues: tuple[str, ...], empty: bool, timeout: float) -> ExitCode:
    """Wait until the broker can be reached, and queues are there.

    A management API is waited for too where --management-url or AMQPTOOL_MANAGEMENT_URL names one. --empty counts
    ready messages and, where the management API tells them, un-acked ones; a quorum queue with consumers tells those
    late, so it is looked at for six seconds. When time is over the exit code is 69, with the last reason. Credentials
    that are refused are no reason to wait: exit code 77, at once.
    """
    if empty and not queues:
        raise click.UsageError("--empty goes with --queue QUEUE")
    names = tuple(dict.fromkeys(queues))
    found = run(context, lambda _: _wait(context, names, timeout, empty=empty))
    return context.output.show(_view(context, found, empty=empty))


async def _wait(context: Context, queues: Sequence[str], timeout: float, *, empty: bool) -> dict[str, Occupancy]:
    from amqptool.broker.patience import Patience
    from amqptool.broker.reaching import wait_for

    patience = Patience(timeout, context.output.talk)
    named = context.resolve_management_url().origin != DEFAULT_ORIGIN
    async with context.management() as management:
        choose = _chooser(management, named=named) if empty else None
        needed = management if named else None
        return await wait_for(context.resolve_urls().value, needed, patience, queues, choose=choose)


def _chooser(management: Management, *, named: bool) -> ChooseManagement:
    """Take the API that was named, and one at an address that we guess as soon as it has answered.

    From then on it is insisted on: a look without it would see no un-acked messages.
    """
    is_there = named

    async def choose() -> Management | None:
        nonlocal is_there
        if is_there:
            return management
        try:
            async with asyncio.timeout(GUESS_TIMEOUT):
                await management.cluster_name()
        except (BrokerError, ConfigError, TimeoutError):
            return None
        is_there = True
        return management

    return choose


def _view(context: Context, found: dict[str, Occupancy], *, empty: bool) -> View:
    there = [f"queue {name!r} {_state(each) if empty else 'is there'}" for name, each in found.items()]
    return View(
        kind="wait",
        document={"queues": [_document(name, each) for name, each in found.items()]},
        talk="\n".join(there) or f"{_hosts(context)} can be reached",
    )


def _state(occupancy: Occupancy) -> str:
    if occupancy.unacked is None:
        return "holds nothing that is ready; without the management API, un-acked messages are not seen"
    return "holds nothing, neither ready nor un-acked"


def _document(name: str, occupancy: Occupancy) -> dict[str, Any]:
    counts = {"ready": occupancy.ready, "unacked": occupancy.unacked, "consumers": occupancy.consumers}
    return {"name": name, **counts}


def _hosts(context: Context) -> str:
    from amqptool.broker.discovery import urls_at

    return " or ".join(url.address for url in urls_at(context.resolve_urls().value))
