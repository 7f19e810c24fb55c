"""`amqptool completion`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from amqptool.cli.context import Context, pass_context
from amqptool.cli.examples import examples
from amqptool.cli.options import OfflineCommand
from amqptool.cli.output import View

if TYPE_CHECKING:
    from amqptool.cli.exits import ExitCode

SHELLS = {each.name: each for each in (BashComplete, ZshComplete, FishComplete)}
_PROGRAM, _VARIABLE = "amqptool", "_AMQPTOOL_COMPLETE"


@click.command(
    cls=OfflineCommand,
    epilog=examples(
        ("In ~/.bashrc; with zsh instead of bash, in ~/.zshrc", 'eval "$(amqptool completion bash)"'),
        ("For fish, once", "amqptool completion fish > ~/.config/fish/completions/amqptool.fish"),
    ),
)
@click.argument("shell", type=click.Choice(tuple(SHELLS)))
@pass_context
def completion(context: Context, shell: str) -> ExitCode:
    """Write what makes a shell complete commands, options, and names of queues and exchanges.

    Names come from the management API of the broker that the command line
    and the environment name.
    """
    script = SHELLS[shell](click.get_current_context().find_root().command, {}, _PROGRAM, _VARIABLE).source()
    return context.output.show(
        View(kind="completion", document={"shell": shell, "script": script}, data=script.strip())
    )
