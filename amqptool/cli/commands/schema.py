"""`amqptool schema`: the JSON Schema of topology files, for editors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from amqptool.cli.context import Context, pass_context
from amqptool.cli.examples import examples
from amqptool.cli.files import write_file
from amqptool.cli.options import OfflineCommand
from amqptool.cli.output import View

if TYPE_CHECKING:
    from amqptool.cli.exits import ExitCode

#: The file that `-o` may name and that is stdout.
_STDOUT = "-"


@click.command(
    cls=OfflineCommand,
    short_help="Write a JSON Schema of topology files, for editors.",
    epilog=examples(
        ("Write it beside the topology files", "amqptool schema -o topology.schema.json"),
        ("Look up a key of queues", "amqptool schema | grep -m 1 -A 1 '\"delivery_limit\": {'"),
    ),
)
@click.option("--output", "-o", metavar="FILE", default=_STDOUT, help="Write to a file, as a whole or not at all.")
@pass_context
def schema(context: Context, /, output: str) -> ExitCode:
    """Write the JSON Schema (draft 2020-12) of topology files.

    With it, editors complete, explain and check topology files. For those that use yaml-language-server (VS Code
    with the YAML extension, Neovim, Emacs, …), write it beside the files and begin each of them with

    \b
      # yaml-language-server: $schema=topology.schema.json

    It knows the form of a file and nothing of what its names lead to: `amqptool validate` checks everything.
    """
    from amqptool.topology.schema import schema as make_schema

    made = make_schema()
    text = json.dumps(made, indent=2, ensure_ascii=False)
    if output != _STDOUT:
        write_file(output, f"{text}\n")
    is_printed = output == _STDOUT
    view = View(
        kind="schema",
        document={"file": None if is_printed else output, "schema": made},
        data=text if is_printed else "",
        talk="" if is_printed else f"{output}: written",
    )
    return context.output.show(view)
