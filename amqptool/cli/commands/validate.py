"""`amqptool validate`: check topology files, offline."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from amqptool.cli.context import Context, pass_context
from amqptool.cli.exits import ExitCode
from amqptool.cli.options import OfflineCommand
from amqptool.cli.output import View, counted
from amqptool.cli.sanitize import clean_line
from amqptool.topology.file.source import MAX_BYTES
from amqptool.topology.validate import Verdict, count
from amqptool.topology.validate import validate as check_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from amqptool.errors import Problem


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that could not be read."""

    file: str
    message: str


def _check(file: str) -> Verdict:
    if file != "-":
        return check_file(file)
    with open(0, "rb", closefd=False) as stdin:  # sys.stdin may be None
        return check_file("<stdin>", stdin.read(MAX_BYTES + 1))


def _check_all(files: Iterable[str]) -> tuple[list[Verdict], list[Unreadable]]:
    verdicts: list[Verdict] = []
    unreadable: list[Unreadable] = []
    for file in files:
        try:
            verdicts.append(_check(file))
        except OSError as error:
            unreadable.append(Unreadable(file, error.strerror or str(error)))
    return verdicts, unreadable


def _document(verdict: Verdict) -> dict[str, Any]:
    counts = {} if verdict.topology is None else verdict.topology.counts()
    problems = [asdict(problem) for problem in verdict.problems]
    return {"file": verdict.file, "valid": not problems, **counts, "problems": problems}


def _talk(verdicts: Sequence[Verdict]) -> str:
    wrong = [verdict for verdict in verdicts if verdict.problems]
    lines = [clean_line(str(verdict)) for verdict in verdicts if not verdict.problems]
    if wrong:
        problems = count([problem for verdict in wrong for problem in verdict.problems])
        lines.append(f"{problems} in {counted(len(wrong), 'file')}")
    return "\n".join(lines)


def _view(verdicts: Sequence[Verdict], unreadable: Sequence[Unreadable]) -> View:
    problems = [problem for verdict in verdicts for problem in verdict.problems]
    return View(
        kind="validate",
        document={
            "valid": not problems and not unreadable,
            "files": [_document(verdict) for verdict in verdicts],
            "unreadable": [asdict(each) for each in unreadable],
        },
        data="\n".join(clean_line(str(problem)) for problem in problems),
        errors=tuple(f"{each.file}: {each.message}" for each in unreadable),
        talk=_talk(verdicts),
        code=_code(problems, unreadable),
    )


def _code(problems: Sequence[Problem], unreadable: Sequence[Unreadable]) -> ExitCode:
    if unreadable:
        return ExitCode.LOCAL_IO
    return ExitCode.BAD_INPUT if problems else ExitCode.DONE


@click.command(cls=OfflineCommand, short_help="Check topology files, offline.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@pass_context
def validate(context: Context, /, files: tuple[str, ...]) -> ExitCode:
    """Check topology files (YAML or JSON), without a broker. `-` is standard input.

    Every problem is a line on stdout, FILE:LINE:COLUMN: MESSAGE [RULE]. The exit code is 0 if all files
    are valid and 65 if not. Each file is checked by itself.
    """
    return context.output.show(_view(*_check_all(files)))
