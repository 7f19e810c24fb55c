"""`amqptool doctor`: what is wrong between us and the broker."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from amqptool.cli.columns import wrapped
from amqptool.cli.context import Context, pass_context
from amqptool.cli.examples import examples
from amqptool.cli.exits import ExitCode, exit_code
from amqptool.cli.options import Command
from amqptool.cli.output import View, error_fields
from amqptool.cli.running import run
from amqptool.cli.sanitize import clean_line
from amqptool.cli.topologies import load_topology, topology_options
from amqptool.settings import DEFAULT_ORIGIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.broker.doctor import Step
    from amqptool.settings.url import AmqpUrl
    from amqptool.topology.model import Topology

_PURPOSES = ("declare", "publish", "consume")
#: Where in its line begins what a step has shown.
_TOLD = 25
_COLORS = {"ok": "green", "warning": "yellow", "failed": "red", "not asked": "bright_black"}


@click.command(
    cls=Command,
    epilog=examples(
        ("Examine the way to the broker", "amqptool doctor"),
        ("And the rights to publish to a file's exchanges", "amqptool doctor --for publish topology.yaml"),
    ),
)
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option(
    "--for",
    "purposes",
    type=click.Choice(_PURPOSES),
    multiple=True,
    help="With FILE: what the user is to do; may be repeated.  [default: all of it]",
)
@topology_options
@pass_context
def doctor(
    context: Context, /, files: tuple[str, ...], purposes: tuple[str, ...], settings: dict[str, str]
) -> ExitCode:
    """Find out why nothing arrives: from the host's name to the rights on what topology files declare.

    Each step is ok, a warning, failed or not asked; what is not ok comes with the next thing to do. Of several hosts
    each is examined. Nothing is changed: rights are tried by requests that RabbitMQ refuses in any case. The exit
    code is 0, or that of the first failure.
    """
    if purposes and not files:
        raise click.UsageError("--for goes with FILE...")
    topology = load_topology(context, files, settings) if files else None
    found = run(context, lambda _: _examine_all(context, topology, tuple(dict.fromkeys(purposes)) or _PURPOSES))
    return context.output.show(_view(context, found))


async def _examine_all(
    context: Context, topology: Topology | None, purposes: Sequence[str]
) -> list[tuple[AmqpUrl, list[Step]]]:
    from amqptool.broker.discovery import urls_at
    from amqptool.broker.doctor import examine
    from amqptool.broker.management import Management
    from amqptool.settings.url import management_url

    address = context.resolve_management_url()
    named = address.origin != DEFAULT_ORIGIN
    found: list[tuple[AmqpUrl, list[Step]]] = []
    for url in urls_at(context.resolve_urls().value):
        make = partial(Management.at, address.value if named else management_url(url), url)
        found.append((url, [step async for step in examine(url, make, topology, purposes, named=named)]))
    return found


def _view(context: Context, found: Sequence[tuple[AmqpUrl, list[Step]]]) -> View:
    origin = context.resolve_urls().origin
    errors = [step.error for _, steps in found for step in steps if step.error is not None]
    return View(
        kind="doctor",
        document={
            "origin": origin,
            "brokers": [{"url": str(url), "steps": list(map(_document, steps))} for url, steps in found],
        },
        data="\n".join(line for url, steps in found for line in _lines(url, origin, steps)),
        paint=_paint,
        code=exit_code(errors[0]) if errors else ExitCode.DONE,
    )


def _lines(url: AmqpUrl, origin: str, steps: Sequence[Step]) -> list[str]:
    lines = [f"{url} (from {origin})"]
    for step in steps:
        lines += wrapped(clean_line(f"  {step.state:<9}  {step.name:<10}  {step.told}"), _TOLD)
        lines += wrapped(f"{'':<{_TOLD}}→ {step.advice}", _TOLD + 2) if step.advice else []
    return lines


def _paint(line: str) -> str:
    state = next((state for state in _COLORS if line.startswith(f"  {state} ")), None)
    if state is None:
        return line
    return f"  {click.style(state, fg=_COLORS[state])}{line[2 + len(state) :]}"


def _document(step: Step) -> dict[str, Any]:
    document = {"step": step.name, "state": step.state}
    if step.advice:
        document["advice"] = step.advice
    return document | ({"message": step.told} if step.error is None else error_fields(step.error, step.told))
