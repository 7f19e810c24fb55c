"""`amqptool graph`: a picture of topology files, or of what a broker holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import click

from amqptool.cli.context import Context, pass_context
from amqptool.cli.examples import examples
from amqptool.cli.fields import HeaderType, as_headers
from amqptool.cli.options import Command
from amqptool.cli.topologies import load_topology, topology_options
from amqptool.cli.written import output_option, titled, written
from amqptool.errors import AccessRefused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from amqptool.cli.exits import ExitCode
    from amqptool.message import FieldValue
    from amqptool.topology.draw import Figures, Graph
    from amqptool.topology.model import Topology

_FORMATS = ("tree", "dot", "mermaid", "svg")
_SUFFIXES = {".svg": "svg", ".dot": "dot", ".gv": "dot", ".mmd": "mermaid", ".mermaid": "mermaid"}
#: Beyond so many exchanges and queues nobody finds anything in a picture.
_CROWDED = 300


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is to be drawn."""

    topology: Topology
    title: str
    figures: Mapping[tuple[str | None, str], Figures] = field(default_factory=dict)


def _live(context: Context, vhosts: Sequence[str]) -> _Subject:
    """Read what the broker holds: in the vhosts that are asked for, else in the URL's."""
    from amqptool.broker.actual import read_actual
    from amqptool.broker.figures import read_figures
    from amqptool.cli.running import run

    async def read() -> _Subject:
        url = await context.choose_url()
        names = vhosts or (url.vhost,)
        async with context.management() as management:
            topology = await read_actual(management, names)
            missing = set(names) - {vhost.name for vhost in topology.vhosts}
            if missing:
                raise AccessRefused(f"no such vhost, or none for this user: {', '.join(sorted(missing))}")
            return _Subject(topology, f"vhost {', '.join(names)}", await read_figures(management, names))

    return run(context, lambda _: read())


def _highlighted(
    graph: Graph, topology: Topology, route: tuple[str, str], headers: dict[str, FieldValue], vhost: str | None
) -> Graph:
    from amqptool.topology.draw import highlight
    from amqptool.topology.routing import Router
    from amqptool.topology.routing.vhosts import only_vhost

    vhost = only_vhost(topology) if vhost is None else vhost
    return highlight(graph, Router(topology, vhost).explain(*route, headers).steps, vhost)


def _render(graph: Graph, form: str, title: str) -> str:
    from amqptool.topology import draw

    if form == "svg":
        return draw.svg(graph, title)
    return {"tree": draw.tree, "dot": draw.dot, "mermaid": draw.mermaid}[form](graph)


def _hints(graph: Graph, form: str, text: str) -> list[str]:
    from amqptool.topology.draw.mermaid import MAX_EDGES, MAX_TEXT

    if form == "mermaid" and (len(graph.edges) > MAX_EDGES or len(text) > MAX_TEXT):
        limits = f"{MAX_EDGES} lines and {MAX_TEXT:,} characters"
        return [f"mermaid refuses to draw more than {limits}, unless it is configured to; --filter draws a part"]
    if form != "tree" and len(graph.nodes) > _CROWDED:
        return [f"{len(graph.nodes):,} nodes are hard to find something in; --filter draws a part"]
    return []


def _summary(graph: Graph) -> str:
    from amqptool.topology.draw.words import summary

    return summary(graph.nodes) if graph.nodes else "nothing to draw"


def _document(graph: Graph) -> dict[str, Any]:
    ids = {node.key: f"n{number}" for number, node in enumerate(graph.nodes)}
    nodes = [
        {
            "id": ids[node.key],
            "kind": node.kind,
            "name": node.name,
            "vhost": node.key.vhost,
            "type": node.type,
            "role": node.role,
            "internal": node.internal,
            "delays_seconds": [delay / 1000 for delay in node.delays],
            "figures": None if node.figures is None else _figures(node.figures),
            "lit": node.lit,
        }
        for node in graph.nodes
    ]
    edges = [
        {
            "source": ids[edge.source],
            "target": ids[edge.target],
            "kind": edge.kind,
            "labels": list(edge.labels),
            "lit": edge.lit,
        }
        for edge in graph.edges
    ]
    return {"nodes": nodes, "edges": edges}


def _figures(figures: Figures) -> dict[str, Any]:
    return {
        "ready": figures.ready,
        "unacked": figures.unacked,
        "published_per_second": figures.published,
        "delivered_per_second": figures.delivered,
    }


@click.command(
    cls=Command,
    short_help="Draw topology files, or what a broker holds.",
    epilog=examples(
        ("Draw a tree on the terminal", "amqptool graph topology.yaml"),
        ("Draw what the broker holds, with its messages and rates", "amqptool graph --live -o broker.svg"),
    ),
)
@click.argument("files", nargs=-1, metavar="[FILE...]")
@click.option("--live", is_flag=True, help="Draw what the broker holds, with its queues' messages and rates.")
@click.option(
    "--format", "-f", "form", type=click.Choice(_FORMATS), help="Left out, as the name of -o says, else tree."
)
@output_option
@click.option("--vhost", "vhosts", metavar="NAME", multiple=True, help="Draw only this vhost. Repeatable.")
@click.option(
    "--filter", "pattern", metavar="PREFIX|GLOB", help="Draw what has such a name, and what it leads to or from."
)
@click.option("--expanded", is_flag=True, help="Draw each wait queue, not one node for those of a queue.")
@click.option("--highlight-route", "route", nargs=2, metavar="EXCHANGE KEY", help="Show the way of a message.")
@click.option(
    "--header", "-H", "headers", multiple=True, type=HeaderType(), metavar="K=V", help="A header of that message."
)
@topology_options
@pass_context
def graph(
    context: Context,
    /,
    files: tuple[str, ...],
    live: bool,
    form: str | None,
    output: str,
    vhosts: tuple[str, ...],
    pattern: str | None,
    expanded: bool,
    route: tuple[str, str] | None,
    headers: tuple[tuple[str, FieldValue], ...],
    settings: dict[str, str],
) -> ExitCode:
    """Draw exchanges, queues and bindings, with the ways of retries and dead letters. `-` is standard input.

    A tree is for terminals, mermaid for Markdown, dot for Graphviz, and SVG is a finished picture. Only --live asks
    a broker, over its management API. The default exchange reaches every queue; it is drawn for those that
    nothing else reaches.
    """
    from amqptool.topology.draw import build

    if bool(files) == live:
        raise click.UsageError("give topology files, or --live")
    subject = _live(context, vhosts) if live else _Subject(load_topology(context, files, settings), ", ".join(files))
    picture = build(subject.topology, expanded=expanded, figures=subject.figures).within(vhosts)
    if route is not None:
        vhost = vhosts[0] if len(vhosts) == 1 else None
        picture = _highlighted(picture, subject.topology, route, as_headers(headers), vhost)
    picture = picture if pattern is None else picture.around(pattern)
    form = form or _SUFFIXES.get(PurePath(output).suffix.lower(), _FORMATS[0])
    text = _render(picture, form, subject.title)
    talk = "\n".join([titled(_summary(picture), output), *_hints(picture, form, text)])
    return context.output.show(written("graph", _document(picture), text, output, talk=talk))
