"""`amqptool asyncapi`: a topology as an AsyncAPI document."""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from amqptool.cli.context import Context, pass_context
from amqptool.cli.examples import examples
from amqptool.cli.files import write_file
from amqptool.cli.options import Command
from amqptool.cli.output import View, counted
from amqptool.cli.topologies import load_topology, topology_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.cli.exits import ExitCode
    from amqptool.topology.asyncapi import Server

_STDOUT = "-"
_SUFFIXES = {".yaml": "yaml", ".yml": "yaml"}


def _servers(context: Context) -> list[Server]:
    """Return the brokers of the URL, without users and passwords."""
    from amqptool.broker.discovery import urls_at
    from amqptool.topology.asyncapi import Server

    context.needs_password = False
    return [
        Server(host=f"{url.netloc_host}:{url.port}", pathname=f"/{quote(url.vhost, safe='')}", tls=url.tls)
        for url in urls_at(context.resolve_urls().value)
    ]


def _title(files: Sequence[str]) -> str:
    return "topology" if files[0] == "-" else PurePath(files[0]).stem


def _written(document: dict[str, Any], form: str) -> str:
    if form == "json":
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes everything out, where PyYAML would refer back to what is there twice."""

        def ignore_aliases(self, data: Any) -> bool:
            del data
            return True

    return yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)


def _view(document: dict[str, Any], text: str, output: str) -> View:
    counts = [(document["channels"], "channel"), (document["operations"], "operation")]
    counts += [(document.get("components", {}).get("messages", {}), "message")]
    summary = ", ".join(counted(len(things), noun) for things, noun in counts)
    is_printed = output == _STDOUT
    return View(
        kind="asyncapi",
        document={"file": None if is_printed else output, "document": document},
        data=text.removesuffix("\n") if is_printed else "",
        talk=summary if is_printed else f"{output}: {summary}",
    )


@click.command(
    cls=Command,
    short_help="Write topology files as an AsyncAPI document.",
    epilog=examples(
        ("Write a document, in YAML as its name says", "amqptool asyncapi topology.yaml -o asyncapi.yaml"),
        (
            "Name the broker of the URL too",
            "amqptool asyncapi --server --title Releases --api-version 1.2.0 topology.yaml",
        ),
    ),
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option(
    "--format", "-f", "form", type=click.Choice(["json", "yaml"]), help="Left out, as the name of -o says, else json."
)
@click.option("--output", "-o", metavar="FILE", default=_STDOUT, help="Write to a file, as a whole or not at all.")
@click.option("--title", metavar="TEXT", help="The title.  [default: the name of the first FILE]")
@click.option(
    "--api-version", default="1.0.0", show_default=True, metavar="TEXT", help="The version of what is described."
)
@click.option("--server", is_flag=True, help="Name the broker of the URL too, without user and password.")
@topology_options
@pass_context
def asyncapi(
    context: Context,
    /,
    files: tuple[str, ...],
    form: str | None,
    output: str,
    title: str | None,
    api_version: str,
    server: bool,
    settings: dict[str, str],
) -> ExitCode:
    """Write AsyncAPI 3.0 from topology files, without a broker. `-` is standard input.

    Each exchange is a channel for each routing key that 'messages:' describes or a binding has, to which messages are
    sent; each queue is one that they are received from. Schemas, also those in files, are part of the document.
    """
    from amqptool.topology.asyncapi import asyncapi as describe

    topology = load_topology(context, files, settings)
    document = describe(
        topology, title=title or _title(files), version=api_version, servers=_servers(context) if server else ()
    )
    text = _written(document, form or _SUFFIXES.get(PurePath(output).suffix.lower(), "json"))
    if output != _STDOUT:
        write_file(output, text)
    return context.output.show(_view(document, text, output))
