"""`amqptool route`: where a message goes, offline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from amqptool.cli.context import Context, pass_context
from amqptool.cli.examples import examples
from amqptool.cli.exits import ExitCode, route_code
from amqptool.cli.fields import HeaderType, as_headers
from amqptool.cli.options import OfflineCommand
from amqptool.cli.output import View, counted
from amqptool.cli.sanitize import clean_line
from amqptool.cli.topologies import load_topology, topology_options

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from amqptool.message import FieldValue
    from amqptool.topology.model import Binding
    from amqptool.topology.routing import Explanation, NearMiss, Routed, Step

#: So many matching bindings of an exchange are shown; the JSON document has all.
_SHOWN = 50


def _explained(explanation: Explanation) -> Iterator[str]:
    """Tell what each exchange does with the message, in the order in which it reaches them."""
    there = {step.exchange.name for step in explanation.steps}
    for step in explanation.steps:
        yield f"{step.exchange.name or '(default)'} ({step.exchange.type})"
        for line in _decisions(step, there):
            yield clean_line(f"  {line}")


def _decisions(step: Step, there: Collection[str]) -> Iterator[str]:
    perhaps = "" if step.certain and step.unknown is None else "perhaps "
    for binding in step.matched[:_SHOWN]:
        yield f"{perhaps}{_criterion(step, binding)}-> {_end(binding)}"
    if len(step.matched) > _SHOWN:
        yield f"… and {len(step.matched) - _SHOWN:,} more bindings"
    if step.alternate is not None:
        missing = "" if step.alternate in there else ", which does not exist"
        yield f"{perhaps}nothing matches -> alternate exchange {step.alternate}{missing}"
    elif not step.matched:
        yield "nothing matches"
    for miss in step.nearest:
        yield f"not {_criterion(step, miss.binding)}({_end(miss.binding)}): {miss.reason}"


def _end(binding: Binding) -> str:
    return f"{binding.destination_type} {binding.destination}"


def _criterion(step: Step, binding: Binding) -> str:
    """Return what a binding asks for, where its exchange looks at that."""
    from amqptool.topology.problems import quoted
    from amqptool.topology.routing.indexes import routed_type

    kind = routed_type(step.exchange)
    if kind == "headers":
        return "".join(f"{name}={value!r} " for name, value in binding.arguments.items())
    return "" if kind == "fanout" or not step.exchange.name else f"{quoted(binding.routing_key)} "


def _view(routed: Routed, explanation: Explanation | None, asked: Mapping[str, Any]) -> View:
    document = {
        **asked,
        "queues": list(routed.queues),
        "possible": list(routed.possible),
        "unknown": [str(unknown) for unknown in routed.unknown],
    }
    if explanation is not None:
        document["steps"] = [_step(step) for step in explanation.steps]
    lines = [clean_line(queue) for queue in routed.queues] if explanation is None else _explained(explanation)
    return View(
        kind="route",
        document=document,
        data="\n".join(lines),
        errors=tuple(f"cannot tell: {unknown}" for unknown in routed.unknown),
        talk="" if routed.unknown else _talk(routed, explanation is not None),
        code=route_code(routed),
    )


def _talk(routed: Routed, explained: bool) -> str:
    if routed.unroutable:
        return "unroutable: no queue gets the message" + ("" if explained else "; --explain shows why")
    return counted(len(routed.queues), "queue")


def _step(step: Step) -> dict[str, Any]:
    return {
        "exchange": step.exchange.name,
        "type": step.exchange.type,
        "certain": step.certain,
        "matched": [_binding(binding) for binding in step.matched],
        "nearest": [_near(miss) for miss in step.nearest],
        "alternate": step.alternate,
    }


def _near(miss: NearMiss) -> dict[str, Any]:
    return {**_binding(miss.binding), "reason": miss.reason}


def _binding(binding: Binding) -> dict[str, Any]:
    from amqptool.records import field_to_json

    return {
        "destination_type": binding.destination_type,
        "destination": binding.destination,
        "routing_key": binding.routing_key,
        "arguments": {name: field_to_json(value) for name, value in binding.arguments.items()},
        "file": binding.place.file,
        "line": binding.place.line,
    }


@click.command(
    cls=OfflineCommand,
    short_help="Tell where a message would go, offline.",
    epilog=examples(
        ("Who gets a message", "amqptool route topology.yaml incoming publish.playstore"),
        (
            "Why nobody gets another one (exit code 5)",
            "amqptool route --explain topology.yaml incoming publish.playstore.beta",
        ),
    ),
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.argument("exchange")
@click.argument("routing_key", metavar="KEY")
@click.option("--header", "-H", "headers", multiple=True, type=HeaderType(), metavar="K=V", help="k=text or k:=json.")
@click.option("--explain", is_flag=True, help="Show what each exchange does with it, and what nearly matched.")
@click.option("--vhost", metavar="NAME", help="The vhost, where the files name several.")
@topology_options
@pass_context
def route(
    context: Context,
    /,
    files: tuple[str, ...],
    exchange: str,
    routing_key: str,
    headers: tuple[tuple[str, FieldValue], ...],
    explain: bool,
    vhost: str | None,
    settings: dict[str, str],
) -> ExitCode:
    """Tell which queues a message would reach, without a broker. `-` is standard input.

    EXCHANGE '' is the default exchange. The queues are written to stdout, one a line; the exit code is 5 if there are
    none. Exchange types of plugins that choose by a hash or at random cannot be predicted: their candidates
    are named, and the exit code is 1.
    """
    from amqptool.topology.routing import Router

    router = Router(load_topology(context, files, settings), vhost)
    message = (exchange, routing_key, as_headers(headers))
    explanation = router.explain(*message) if explain else None
    routed = router.route(*message) if explanation is None else explanation.routed
    return context.output.show(_view(routed, explanation, {"exchange": exchange, "routing_key": routing_key}))
