"""`amqptool export`: what a broker holds, as a topology file."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from amqptool.cli.context import Context, pass_context
from amqptool.cli.examples import examples
from amqptool.cli.options import Command
from amqptool.cli.running import run
from amqptool.cli.sanitize import clean_line
from amqptool.cli.written import STDOUT, output_option, titled, written
from amqptool.errors import TopologyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.broker.export import Export
    from amqptool.cli.exits import ExitCode
    from amqptool.cli.output import View
    from amqptool.errors import Problem
    from amqptool.settings.url import AmqpUrl


@click.command(
    cls=Command,
    epilog=examples(
        ("Write a topology file of what the broker holds", "amqptool export -o broker.yaml"),
        ("Write RabbitMQ's own format, for its import", "amqptool export --format definitions -o definitions.json"),
    ),
)
@click.option("--vhost", "vhosts", metavar="NAME", multiple=True, help="Export this vhost, not the URL's. Repeatable.")
@click.option("--all-vhosts", is_flag=True, help="Export every vhost that the user may see.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["yaml", "definitions"]),
    default="yaml",
    show_default=True,
    help="Tidy YAML in shorthand, or RabbitMQ's definitions.json.",
)
@output_option
@pass_context
def export(context: Context, /, vhosts: tuple[str, ...], all_vhosts: bool, form: str, output: str) -> ExitCode:
    """Write what a broker holds as a topology file.

    Exchanges, queues, bindings and policies are read over the management API. Exclusive queues are left out:
    they live as long as their connection. The order depends on nothing but what is there, so two exports of
    an unchanged broker are the same. YAML of one vhost does not name it, and can be declared in any.
    """
    if vhosts and all_vhosts:
        raise click.UsageError("--vhost and --all-vhosts exclude each other")
    exported = run(context, lambda _: _read(context, vhosts, all_vhosts=all_vhosts))
    url = context.resolve_url().value
    text = exported.to_definitions() if form == "definitions" else _header(url, exported) + exported.to_yaml()
    flaws = _flaws(text, output) if form == "yaml" else ()
    return context.output.show(_written(exported, text, output, flaws))


async def _read(context: Context, vhosts: Sequence[str], *, all_vhosts: bool) -> Export:
    from amqptool.broker.export import export

    url = await context.choose_url()
    async with context.management() as management:
        return await export(management, None if all_vhosts else vhosts or (url.vhost,))


def _flaws(text: str, output: str) -> tuple[Problem, ...]:
    """Return what would be refused if the file was read: brokers take what we do not, such as misspelt arguments."""
    from amqptool.topology.model import Topology

    try:
        Topology.parse(text, "<stdout>" if output == STDOUT else output)
    except TopologyError as error:
        return error.problems
    return ()


def _header(url: AmqpUrl, exported: Export) -> str:
    where = "all vhosts" if exported.of_all_vhosts else f"vhost {', '.join(exported.vhosts)}"
    return clean_line(f"# Exported by amqptool from {url.netloc_host}:{url.port}, {where}.") + "\n\n"


def _written(exported: Export, text: str, output: str, flaws: tuple[Problem, ...]) -> View:
    notes = [f"left out: {each}" for each in exported.left_out]
    notes += [f"the broker holds it, but a file may not: {flaw}" for flaw in flaws]
    summary = [] if output == STDOUT else [titled(str(exported.topology), output)]
    document = {
        "vhosts": exported.vhosts,
        "topology": exported.definitions(),
        "left_out": exported.left_out,
        "problems": [asdict(flaw) for flaw in flaws],
    }
    return written("export", document, text, output, talk="\n".join([*notes, *summary]))
