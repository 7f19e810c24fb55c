"""`amqptool broker`: a private RabbitMQ for development, demos and tests."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import replace
from errno import ENOENT
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amqptool.broker import local
from amqptool.broker.local.command import run_command, variables
from amqptool.cli.context import Context, pass_context
from amqptool.cli.examples import examples
from amqptool.cli.exits import ExitCode
from amqptool.cli.options import OfflineGroup
from amqptool.cli.output import View
from amqptool.settings.paths import state_directory

if TYPE_CHECKING:
    from amqptool.broker.local import RunningNode

#: As shells have it.
COMMAND_NOT_FOUND = 127

_PORT = click.IntRange(1, 65535)


class _Directory(click.Path):
    """A directory, but no URL: documents repeat it, and one that is made has its name on the disk."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse a URL."""
        if "://" in str(value):
            self.fail(f"{str(value)!r} is a URL, and no directory", param, ctx)
        return super().convert(value, param, ctx)


directory_option = click.option(
    "--dir",
    "directory",
    metavar="DIR",
    type=_Directory(file_okay=False, path_type=Path),
    help="Where the node lives.  [default: amqptool/broker in the user's state directory]",
)


@click.group(cls=OfflineGroup)
def broker() -> None:
    """Run a private RabbitMQ for development and tests.

    It is a real one, for you alone: it listens on this machine only, runs as you, and keeps everything in
    one directory.
    """


@broker.command(
    epilog=examples(
        ("Start it, and lead amqptool to it in this shell", 'eval "$(amqptool broker start --export)"'),
        ("Start one of a project's own", "amqptool broker start --dir .rabbitmq"),
    ),
)
@directory_option
@click.option("--port", type=_PORT, metavar="N", help="Where AMQP listens.  [default: as before, or a free port]")
@click.option("--management-port", type=_PORT, metavar="N", help="Where the management UI and API listen; likewise.")
@click.option("--export", is_flag=True, help="Print shell commands that lead amqptool to it, for eval.")
@pass_context
def start(
    context: Context, directory: Path | None, port: int | None, management_port: int | None, *, export: bool
) -> ExitCode:
    """Start the node, unless it runs, and print its URL.

    Returns when it answers. The node keeps running until `amqptool broker stop`; started again, it has the
    same URL and data. --export sets $AMQPTOOL_URL and $AMQPTOOL_MANAGEMENT_URL in a shell.
    """
    node = local.start(_directory(context, directory), port=port, management_port=management_port)
    view = _running("broker start", node)
    return context.output.show(replace(view, data=_exports(node)) if export else view)


@broker.command(
    epilog=examples(
        ("Stop it", "amqptool broker stop"),
        ("Stop one of a project's own", "amqptool broker stop --dir .rabbitmq"),
    ),
)
@directory_option
@pass_context
def stop(context: Context, directory: Path | None) -> ExitCode:
    """Stop the node; its data stays."""
    place = _directory(context, directory)
    did = local.stop(place)
    talk = f"stopped the node in {place}" if did else f"no node runs in {place}"
    return context.output.show(View(kind="broker stop", document=_stopped_document(place), talk=talk))


@broker.command(
    epilog=examples(
        ("Print its URL", "amqptool broker status"),
        ("Print all about it, for a script", "amqptool broker status --json"),
    ),
)
@directory_option
@pass_context
def status(context: Context, directory: Path | None) -> ExitCode:
    """Print the node's URL if it runs; otherwise exit with 69."""
    place = _directory(context, directory)
    node = local.status(place)
    return context.output.show(_running("broker status", node) if node else _not_running(place, directory))


@broker.command(
    context_settings={"allow_interspersed_args": False},
    epilog=examples(
        ("Test with a node that is gone afterwards", "amqptool broker run -- pytest"),
        ("Try whether RabbitMQ takes a topology", "amqptool broker run -- amqptool declare topology.yaml"),
    ),
)
@click.option(
    "--dir",
    "directory",
    metavar="DIR",
    type=_Directory(file_okay=False, path_type=Path),
    help="Use the node of this directory, and stop it only if it did not run.  [default: a temporary node]",
)
@click.argument("command", metavar="[--] CMD...", nargs=-1, required=True, type=click.UNPROCESSED)
@pass_context
def run(context: Context, directory: Path | None, command: tuple[str, ...]) -> int:
    """Run one command with a node at hand, and exit with its exit code.

    The command finds the node in $AMQPTOOL_URL and $AMQPTOOL_MANAGEMENT_URL. A temporary node is removed
    when the command ends.
    """
    if shutil.which(command[0]) is None:
        error = FileNotFoundError(ENOENT, "command not found", command[0])
        context.output.error(error, COMMAND_NOT_FOUND)
        return COMMAND_NOT_FOUND
    return run_command(command, environ=context.environ, directory=directory)


def _directory(context: Context, directory: Path | None) -> Path:
    return directory or state_directory(context.environ) / "broker"


def _running(kind: str, node: RunningNode) -> View:
    return View(
        kind=kind,
        document=_running_document(node),
        data=node.url.reveal(),
        talk=f"RabbitMQ {node.version or '(still booting)'}\n"
        f"management: {node.management_url}\n"
        f"data:       {node.directory}",
    )


def _exports(node: RunningNode) -> str:
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables(node).items())


def _running_document(node: RunningNode) -> dict[str, Any]:
    return {
        "running": True,
        "url": node.url.reveal(),
        "management_url": node.management_url,
        "directory": str(node.directory),
        "pid": node.pid,
        "version": node.version,
    }


def _not_running(place: Path, asked: Path | None) -> View:
    start = "amqptool broker start" + (f" --dir {shlex.quote(str(asked))}" if asked else "")
    return View(
        kind="broker status",
        document=_stopped_document(place),
        talk=f"no node runs in {place}; `{start}` starts one",
        code=ExitCode.UNAVAILABLE,
    )


def _stopped_document(directory: Path) -> dict[str, Any]:
    return {"running": False, "directory": str(directory.resolve())}
