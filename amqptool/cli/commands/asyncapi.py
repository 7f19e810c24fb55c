"""`amqptool asyncapi`: a topology as an AsyncAPI document."""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from amqptool.cli.context import Context, pass_context
from amqptool.cli.examples import examples
from amqptool.cli.options import Command
from amqptool.cli.output import counted
from amqptool.cli.topologies import load_topology, topology_options
from amqptool.cli.written import output_option, titled, written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.cli.exits import ExitCode
    from amqptool.topology.asyncapi import Server

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


def _text(document: dict[str, Any], form: str) -> str:
    if form == "json":
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes everything out, where PyYAML would refer back to what is there twice."""

        def ignore_aliases(self, data: Any) -> bool:
            del data
            return True

    return yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)


def _summary(document: dict[str, Any]) -> str:
    counts = [(document["channels"], "channel"), (document["operations"], "operation")]
    counts += [(document.get("components", {}).get("messages", {}), "message")]
    return ", ".join(counted(len(things), noun) for things, noun in counts)


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
@output_option
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
    text = _text(document, form or _SUFFIXES.get(PurePath(output).suffix.lower(), "json"))
    talk = titled(_summary(document), output)
    return context.output.show(written("asyncapi", {"document": document}, text, output, talk=talk))
