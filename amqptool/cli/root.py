"""The entry point: the lazy table of commands, and the one boundary where errors become exit codes."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from importlib import import_module
from io import StringIO, TextIOWrapper
from itertools import pairwise
from textwrap import fill
from typing import TYPE_CHECKING, Any, NoReturn

import click

from amqptool import __version__
from amqptool.cli.asking import DeclinedError
from amqptool.cli.context import LOG_FORMATS, Context, pass_context
from amqptool.cli.exits import MEANINGS, ExitCode, StoppedError, exit_code
from amqptool.cli.options import COMMON, Option, Verbatim, global_options
from amqptool.cli.output import StdoutError, describe
from amqptool.cli.topics import TOPICS
from amqptool.errors import AccessRefused, AmqptoolError, BrokerUnavailable, ManagementUnavailable
from amqptool.settings import DEFAULT_ORIGIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

#: Command → its module (which holds a click command of the same name) and its line in `--help`.
COMMANDS: dict[str, tuple[str, str]] = {
    "validate": ("amqptool.cli.commands.validate", "Check topology files, offline."),
    "route": ("amqptool.cli.commands.route", "Tell where a message would go, offline."),
    "plan": ("amqptool.cli.commands.plan", "Show what declare would change."),
    "declare": ("amqptool.cli.commands.declare", "Make the broker match topology files."),
    "delete": ("amqptool.cli.commands.delete", "Delete what topology files declare."),
    "export": ("amqptool.cli.commands.export", "Write what a broker holds as a topology file."),
    "schema": ("amqptool.cli.commands.schema", "Write a JSON Schema of topology files, or of output."),
    "asyncapi": ("amqptool.cli.commands.asyncapi", "Write topology files as an AsyncAPI document."),
    "graph": ("amqptool.cli.commands.graph", "Draw topology files, or what a broker holds."),
    "publish": ("amqptool.cli.commands.publish", "Publish messages and know what became of each."),
    "consume": ("amqptool.cli.commands.consume", "Print a queue's messages, or handle them."),
    "peek": ("amqptool.cli.commands.peek", "Look at the first messages of a queue, and take nothing."),
    "tap": ("amqptool.cli.commands.tap", "See what goes through exchanges, unnoticed."),
    "dead": ("amqptool.cli.commands.dead", "Look into dead letters, and send them again."),
    "dedup": ("amqptool.cli.commands.dedup", "Look into the store of what is done."),
    "status": ("amqptool.cli.commands.status", "Show what queues hold, and what flows through them."),
    "purge": ("amqptool.cli.commands.purge", "Delete the ready messages of queues."),
    "wait": ("amqptool.cli.commands.wait", "Wait for the broker, and for queues."),
    "doctor": ("amqptool.cli.commands.doctor", "Find out why nothing arrives."),
    "profile": ("amqptool.cli.commands.profile", "Look into the profiles that say where to connect."),
    "completion": ("amqptool.cli.commands.completion", "Write what makes a shell complete commands and names."),
    "broker": ("amqptool.cli.commands.broker", "Run a private RabbitMQ for development and tests."),
    "help": ("amqptool.cli.commands.help", "Explain a topic, or show the help of a command."),
}


class PipeClosedError(Exception):
    """The reader of stdout went away; click would end the process with 1 for a BrokenPipeError."""


@contextmanager
def pipe_errors() -> Iterator[None]:
    """Turn a BrokenPipeError into one that click lets through."""
    try:
        yield
    except BrokenPipeError as error:
        raise PipeClosedError from error


class LazyGroup(Verbatim, click.Group):
    """A group that imports a command's module only when that command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(COMMANDS[cmd_name][0]), cmd_name)
        return command if isinstance(command, click.Command) else None

    def make_context(self, *args: Any, **settings: Any) -> click.Context:
        """Parse the command line; `--help` prints here already."""
        with pipe_errors():
            return super().make_context(*args, **settings)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with pipe_errors():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands without importing any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _where_to_find_more() -> str:
    topics = fill(", ".join(TOPICS), 78, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    return f"Topics, for `amqptool help TOPIC`:\n{topics}"


@click.group(
    cls=LazyGroup,
    epilog=_where_to_find_more(),
    params=list(global_options()),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="amqptool %(version)s", cls=Option, section=COMMON)
@pass_context
def root(context: Context, /) -> None:
    """Declare RabbitMQ topologies from YAML, publish messages, and run workers.

    The broker is --url, else $AMQPTOOL_URL, else $AMQP_URL, else that of a profile (--profile, else $AMQPTOOL_PROFILE,
    else the default one), else amqp://guest:guest@localhost:5672/%2F.
    """
    context.check_environment()


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command line and exit with its code."""
    _prepare_streams()
    words = list(sys.argv[1:] if arguments is None else arguments)
    ours = words[: words.index("--")] if "--" in words else words
    context = Context(
        environ=os.environ, json="--json" in ours, debug="--debug" in ours, log_format=_log_format_of(ours)
    )
    code = _flush(run(words, context), context)
    if context.leaves_something:
        os._exit(code)  # for Python would wait for threads
    for number in (signal.SIGINT, signal.SIGTERM):  # while Python waits for other things, such as other threads
        signal.signal(number, lambda *_: os._exit(code))
    sys.exit(code)


def _log_format_of(words: Sequence[str]) -> str | None:
    """Find the format in which even a command line that cannot be parsed is complained about."""
    option = "--log-format"
    joined = [word.removeprefix(f"{option}=") for word in words if word.startswith(f"{option}=")]
    parted = [value for word, value in pairwise(words) if word == option]
    return next((value for value in [*joined, *parted] if value in LOG_FORMATS), None)


def run(words: Sequence[str], context: Context) -> int:
    """Run one command line and return its code; nothing escapes from here but a process's end."""
    try:
        return _invoke(words, context)
    except StdoutError as error:
        return _stdout_failed(error, context)


def _invoke(words: Sequence[str], context: Context) -> int:
    try:
        result = root.main(list(words), prog_name="amqptool", standalone_mode=False, obj=context)
        return int(result or 0)  # an ExitCode, or what a child of `broker run` exited with
    except click.ClickException as error:
        return _usage(error, context)
    except (click.Abort, KeyboardInterrupt):
        return _stopped(ExitCode.INTERRUPTED, context)
    except StoppedError as stopped:
        return _stopped(stopped.code, context)
    except DeclinedError as declined:
        return _declined(declined, context)
    except PipeClosedError:
        return ExitCode.PIPE_CLOSED
    except StdoutError:
        raise
    except (AmqptoolError, OSError) as error:
        return _failed(error, context)
    except Exception as error:
        return _bug(error, context)


def _usage(error: click.ClickException, context: Context) -> ExitCode:
    code = ExitCode(error.exit_code)
    if context.json or context.logs_json:
        context.output.error(error, code, error.format_message())
    else:
        lines = StringIO()
        error.show(lines)
        context.output.usage(lines.getvalue().removesuffix("\n"))
    return code


def _stdout_failed(error: StdoutError, context: Context) -> ExitCode:
    code = exit_code(error.reason)
    if code is not ExitCode.PIPE_CLOSED:
        context.output.complain(describe(error))
    return code


def _stopped(code: ExitCode, context: Context) -> ExitCode:
    """Write the document that a program waits for; who pressed Ctrl-C knows."""
    if context.json:
        context.output.ended(code, "Stopped", MEANINGS[code])
    return code


def _declined(declined: DeclinedError, context: Context) -> ExitCode:
    context.output.talk(str(declined))
    if context.json:
        context.output.ended(ExitCode.FAILED, "Declined", str(declined))
    return ExitCode.FAILED


def _failed(error: Exception, context: Context) -> ExitCode:
    code = exit_code(error)
    _trace(error, context)
    context.output.error(error, code, f"{describe(error)}{_origin(error, context)}")
    return code


def _origin(error: Exception, context: Context) -> str:
    """Say which setting led to a broker that cannot be used."""
    if isinstance(error, ManagementUnavailable):
        return _management_origin(context)
    if context.url_origin is None or not isinstance(error, (BrokerUnavailable, AccessRefused)):
        return ""
    if context.url_origin == DEFAULT_ORIGIN:
        return " (the default URL; `amqptool broker start` runs a private broker, --url or AMQPTOOL_URL name another)"
    return f" (URL from {context.url_origin})"


def _management_origin(context: Context) -> str:
    if context.management_origin in (None, DEFAULT_ORIGIN):
        return (
            " (the broker's own host; --management-url names another place, and the broker needs its management plugin)"
        )
    return f" (management URL from {context.management_origin})"


def _bug(error: Exception, context: Context) -> ExitCode:
    from amqptool.cli.crash import write_crash_file

    _trace(error, context)
    try:
        details = f"details are in {write_crash_file(error)}"
    except OSError as reason:
        details = f"no crash file ({describe(reason)}), --debug shows details"
    context.output.error(error, ExitCode.BUG, f"a bug in amqptool ({type(error).__name__}); {details}")
    return ExitCode.BUG


def _trace(error: Exception, context: Context) -> None:
    if context.debug:
        context.output.trace(error)


def _prepare_streams() -> None:
    """Give us a stdout and a stderr that exist, and that take every character in any locale."""
    sys.stdout = sys.stdout or _null(os.O_RDONLY)  # writing to it fails, as to the closed one it stands for
    sys.stderr = sys.stderr or _null(os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _null(flags: int) -> TextIO:
    return os.fdopen(os.open(os.devnull, flags), "w", encoding="utf-8")


def _flush(code: int, context: Context) -> int:
    """Flush stdout and stderr now: at interpreter exit, what fails would change the code or be a traceback."""
    try:
        sys.stdout.flush()
    except OSError as error:
        _discard(sys.stdout)
        if code != ExitCode.LOCAL_IO:  # else it has been said
            code = _stdout_failed(StdoutError(error), context)
    try:
        sys.stderr.flush()
    except OSError:
        _discard(sys.stderr)
    return code


def _discard(stream: TextIO) -> None:
    """Send what is still buffered nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
