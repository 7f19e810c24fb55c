"""`amqptool completion`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from amqptool.cli.context import Context, pass_context
from amqptool.cli.options import OfflineCommand
from amqptool.cli.output import View

if TYPE_CHECKING:
    from amqptool.cli.exits import ExitCode

SHELLS = {each.name: each for each in (BashComplete, ZshComplete, FishComplete)}
_PROGRAM, _VARIABLE = "amqptool", "_AMQPTOOL_COMPLETE"


@click.command(cls=OfflineCommand)
@click.argument("shell", type=click.Choice(tuple(SHELLS)))
@pass_context
def completion(context: Context, shell: str) -> ExitCode:
    """Write what makes a shell complete commands, options, and names of queues and exchanges.

    In ~/.bashrc or ~/.zshrc:  eval "$(amqptool completion bash)"  (or zsh); for fish, write it to
    ~/.config/fish/completions/amqptool.fish. Names come from the management API of the broker that the command line
    and the environment name.
    """
    script = SHELLS[shell](click.get_current_context().find_root().command, {}, _PROGRAM, _VARIABLE).source()
    return context.output.show(
        View(kind="completion", document={"shell": shell, "script": script}, data=script.strip())
    )
