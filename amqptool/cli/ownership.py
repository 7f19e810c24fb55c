"""`--prune` and the rules of what it may delete, shared by `plan` and `declare`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.topology.diff import Ownership

#: A command's function, or a command.
F = TypeVar("F", bound="Callable[..., Any] | click.Command")


def prune_options(command: F) -> F:
    """Give a command `--prune`, `--owns` and `--owns-vhost`; its function takes them under these names."""
    options = [
        click.option("--prune", is_flag=True, help="Delete what the files own and do not have (any more)."),
        click.option(
            "--owns",
            metavar="PREFIX",
            multiple=True,
            help="With --prune: the files own what has a name that begins with PREFIX, and bindings between such. "
            "Repeatable.",
        ),
        click.option("--owns-vhost", is_flag=True, help="With --prune: the files own everything in their vhosts."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def ownership(*, prune: bool, owns: tuple[str, ...], owns_vhost: bool) -> Ownership | None:
    """Return what may be deleted; None where nothing may.

    Raises:
        click.UsageError: the options do not go together.
    """
    from amqptool.topology.diff import Ownership

    if not prune:
        if owns or owns_vhost:
            raise click.UsageError("--owns and --owns-vhost say what --prune deletes; without it they mean nothing")
        return None
    if not owns and not owns_vhost:
        raise click.UsageError("--prune needs to know what the files own: --owns PREFIX, or --owns-vhost")
    if "" in owns:
        raise click.UsageError("--owns needs a prefix; everything is --owns-vhost")
    return Ownership(prefixes=owns, whole_vhosts=owns_vhost)
