"""`-o FILE`: what a command has made, in a file or on stdout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from amqptool.cli.files import write_file
from amqptool.cli.output import View
from amqptool.cli.sanitize import clean_line

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The file that `-o` may name and that is stdout.
STDOUT = "-"

output_option = click.option(
    "--output", "-o", metavar="FILE", default=STDOUT, help="Write to a file, as a whole or not at all."
)


def written(kind: str, document: Mapping[str, Any], text: str, output: str, *, talk: str) -> View:
    """Write a text to the file that `-o` names, and return what there is to show: without such a file, the text too.

    Raises:
        OSError: the file cannot be written; it is as it was.
    """
    text = text.removesuffix("\n")
    is_printed = output == STDOUT
    if not is_printed:
        write_file(output, f"{text}\n")
    return View(
        kind=kind,
        document={"file": None if is_printed else output, **document},
        data=text if is_printed else "",
        talk=talk,
    )


def titled(summary: str, output: str) -> str:
    """Return what there is to say of a text, after the name of its file if it has one."""
    return summary if output == STDOUT else clean_line(f"{output}: {summary}")
