"""`amqptool schema`: the JSON Schema of topology files, for editors, and those of what commands write, for scripts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from amqptool.cli.context import Context, pass_context
from amqptool.cli.examples import examples
from amqptool.cli.options import OfflineCommand
from amqptool.cli.output import View
from amqptool.cli.written import STDOUT, output_option, titled, written

if TYPE_CHECKING:
    from amqptool.cli.exits import ExitCode


def _next_words(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the words that may come next and begin so, for shell completion."""
    from amqptool.cli.schemas import names

    said = list(context.params.get("words") or ())
    found = (name.split()[len(said) :] for name in names() if name.split()[: len(said)] == said)
    return sorted({rest[0] for rest in found if rest and rest[0].startswith(incomplete)})


def _schema(words: tuple[str, ...]) -> dict[str, Any]:
    """Return the schema of what a command writes; without words, that of topology files."""
    if not words:
        from amqptool.topology.schema import schema as make_schema

        return make_schema()
    from amqptool.cli.schemas import names, schema_of

    name, known = " ".join(words), names()
    if name not in known:
        raise click.UsageError(_unknown(name, known))
    return schema_of(name)


def _unknown(name: str, known: list[str]) -> str:
    from amqptool.topology.problems import did_you_mean, quoted

    parts = [each for each in known if each.startswith(f"{name} ")]
    if parts:
        return f"{name} is several commands: give one of {', '.join(parts)}"
    return f"there is no schema for {quoted(name)}{did_you_mean(name, known) or '; --list names all that there are'}"


def _list() -> View:
    from amqptool.cli.schemas import names

    found = names()
    return View(kind="schema", document={"schemas": found}, data="\n".join(found))


@click.command(
    cls=OfflineCommand,
    short_help="Write a JSON Schema of topology files, or of output.",
    epilog=examples(
        ("Write it beside the topology files", "amqptool schema -o topology.schema.json"),
        ("Write that of what a command writes with --json", "amqptool schema dead list -o dead-list.schema.json"),
    ),
)
@click.argument("words", metavar="[COMMAND]...", nargs=-1, shell_complete=_next_words)
@click.option("--list", "listed", is_flag=True, help="List the commands, and what else there is a schema for.")
@output_option
@pass_context
def schema(context: Context, /, words: tuple[str, ...], listed: bool, output: str) -> ExitCode:
    """Write the JSON Schema (draft 2020-12) of topology files.

    With it, editors complete, explain and check topology files. For those that use yaml-language-server (VS Code
    with the YAML extension, Neovim, Emacs, …), write it beside the files and begin each of them with

    \b
      # yaml-language-server: $schema=topology.schema.json

    It knows the form of a file and nothing of what its names lead to: `amqptool validate` checks everything.

    With COMMAND, such as `publish` or `dead list`, write that of what the command writes to stdout with --json: of
    the document, or of one line where a line is written for each message. `log` is a line of --log-format json, and
    `receipts` one of publish --receipts.
    """
    if listed:
        if words or output != STDOUT:
            raise click.UsageError("--list goes with no COMMAND and no -o")
        return context.output.show(_list())
    made = _schema(words)
    text = json.dumps(made, indent=2, ensure_ascii=False)
    talk = "" if output == STDOUT else titled("written", output)
    return context.output.show(written("schema", {"schema": made}, text, output, talk=talk))
