"""What the commands that take topology files share: `--set`, and reading the files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from amqptool.cli.context import Context
    from amqptool.topology.file.content import Content
    from amqptool.topology.model import Topology

#: A command's function, or a command.
F = TypeVar("F", bound="Callable[..., Any] | click.Command")

#: The name that standard input goes by in problems.
STDIN = "<stdin>"

_SETTING = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)


def topology_options(command: F) -> F:
    """Give a command the options that go with topology files; its function takes them as `settings`."""
    option = click.option(
        "--set",
        "settings",
        metavar="NAME=VALUE",
        multiple=True,
        callback=_settings,
        help="Give ${NAME} in the files its value, before the environment's. Repeatable.",
    )
    return option(command)


def load_topology(context: Context, files: Iterable[str], settings: Mapping[str, str]) -> Topology:
    """Read and check topology files that together make one topology; `-` is standard input.

    Raises:
        TopologyError: the files have problems; all of them are listed.
        OSError: a file cannot be read.
    """
    from amqptool.topology.file.load import load

    return load([source(file) for file in files], variables(context, settings))


def source(file: str) -> str | Content:
    """Return what a file is read from; `-` is standard input, which is read at once.

    Raises:
        OSError: standard input cannot be read.
    """
    return _standard_input() if file == "-" else file


def variables(context: Context, settings: Mapping[str, str]) -> Mapping[str, str]:
    """Return what `${NAME}` stands for: what `--set` says, else the environment."""
    return {**context.environ, **settings}


def _standard_input() -> Content:
    from amqptool.topology.file.content import read_stream

    try:
        with open(0, "rb", closefd=False) as stdin:  # sys.stdin may be None
            return read_stream(stdin, STDIN)
    except OSError as error:  # which names no file
        raise OSError(error.errno, error.strerror, STDIN) from error


def _settings(context: click.Context, parameter: click.Parameter, words: tuple[str, ...]) -> dict[str, str]:
    matches = [_SETTING.fullmatch(word) for word in words]
    if not all(matches):  # the word is not shown: it may be a secret
        form = "must be NAME=VALUE, the name of letters, digits and _"
        raise click.BadParameter(form, context, parameter)
    return {match[1]: match[2] for match in matches if match}
