"""`amqptool validate`: check topology files, offline."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from amqptool.cli.context import Context, pass_context
from amqptool.cli.examples import examples
from amqptool.cli.explain import explain as explain_rule
from amqptool.cli.options import OfflineCommand
from amqptool.cli.sanitize import without_passwords
from amqptool.cli.topologies import source, topology_options, variables
from amqptool.cli.verdicts import Checked, Unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from amqptool.cli.exits import ExitCode
    from amqptool.cli.output import View
    from amqptool.topology.model import Topology
    from amqptool.topology.validate import Verdict


def _check(groups: Sequence[Sequence[str]], values: Mapping[str, str], *, strict: bool) -> Checked:
    """Check groups of files, each of which makes one topology."""
    from amqptool.topology.validate import validate as check_files

    verdicts: list[Verdict] = []
    unreadable: list[Unreadable] = []
    for files in groups:
        try:
            verdicts.append(check_files(*map(source, files), variables=values))
        except OSError as error:
            file = without_passwords(error.filename or " + ".join(files))
            unreadable.append(Unreadable(file, type(error).__name__, error.strerror or str(error)))
    return Checked(verdicts=verdicts, unreadable=unreadable, strict=strict)


def _shown(checked: Checked, show: str) -> View:
    """Return what would be declared for stdout, and what else is to be said for stderr."""
    view = checked.view()
    talk = "\n".join(filter(None, (view.data, view.talk)))
    topology = next((verdict.topology for verdict in checked.verdicts if not verdict.problems), None)
    if topology is None:
        return replace(view, data="", talk=talk)
    text, value = _expanded(topology) if show == "expanded" else _definitions(topology)
    return replace(view, data=text.removesuffix("\n"), talk=talk, document={**view.document, show: value})


def _expanded(topology: Topology) -> tuple[str, Any]:
    from amqptool.topology.dump.shorthand import to_yaml

    text = to_yaml(topology, fold=False)
    return text, text


def _definitions(topology: Topology) -> tuple[str, Any]:
    from amqptool.topology.dump.definitions import definitions, to_definitions

    return to_definitions(topology), definitions(topology)


@click.command(
    cls=OfflineCommand,
    short_help="Check topology files, offline.",
    epilog=examples(
        ("Check a file, and run its tests", "amqptool validate topology.yaml"),
        (
            "In CI on GitHub: warnings fail too, and stand beside their lines",
            "amqptool validate --strict --format github topologies/*.yaml",
        ),
    ),
)
@click.argument("files", metavar="FILE...", nargs=-1)
@click.option("--strict", is_flag=True, help="Let warnings fail, too.")
@click.option("--merge", is_flag=True, help="Check all files together, as one topology.")
@topology_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="Lines, the document that --json writes, or annotations for GitHub's workflows.",
)
@click.option(
    "--show",
    type=click.Choice(["expanded", "definitions"]),
    help="Write to stdout what would be declared: YAML with everything written out, or RabbitMQ's definitions.json.",
)
@click.option("--explain", metavar="RULE", help="Explain what stands in brackets after a problem; `all` lists it.")
@pass_context
def validate(context: Context, /, files: tuple[str, ...], explain: str | None, **options: Any) -> ExitCode:
    """Check topology files (YAML or JSON), without a broker. `-` is standard input.

    Finds what RabbitMQ would refuse, warns of what it would take and what would still not do what was meant, and
    runs the files' own tests of routing. Everything found is a line on stdout, FILE:LINE:COLUMN: MESSAGE [RULE].
    The exit code is 65 if there are problems, 1 if only tests failed, else 0. Each file is checked by itself.
    """
    _check_formats(context, options["form"], options["show"])
    context.json = context.json or options["form"] == "json"
    if explain is not None:
        return context.output.show(explain_rule(explain))
    return context.output.show(_view(context, files, **options))


def _view(
    context: Context,
    files: tuple[str, ...],
    *,
    settings: Mapping[str, str],
    strict: bool,
    merge: bool,
    form: str,
    show: str | None,
) -> View:
    _check_usage(files, merge=merge, show=show)
    groups = [files] if merge else [(file,) for file in files]
    checked = _check(groups, variables(context, settings), strict=strict)
    return checked.view(form) if show is None else _shown(checked, show)


def _check_formats(context: Context, form: str, show: str | None) -> None:
    other = "--json" if context.json else "--show" if show is not None else None
    if form == "github" and other is not None:
        raise click.UsageError(f"{other} and --format github exclude each other")


def _check_usage(files: tuple[str, ...], *, merge: bool, show: str | None) -> None:
    if not files:
        raise click.UsageError("Missing argument 'FILE...'.")
    if show is not None and len(files) > 1 and not merge:
        raise click.UsageError("--show takes one FILE, or several with --merge")
