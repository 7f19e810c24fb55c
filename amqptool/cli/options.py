"""The global options, and the command class that takes them in any position."""

from __future__ import annotations

from typing import Any

import click

from amqptool.cli.context import LOG_FORMATS, Context
from amqptool.cli.names import profile_names


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    given = context.get_parameter_source(str(parameter.name)) is click.core.ParameterSource.COMMANDLINE
    if given:
        setattr(context.ensure_object(Context), str(parameter.name), value)


def _option(*names: str, **settings: Any) -> click.Option:
    return click.Option(names, expose_value=False, callback=_remember, **settings)


def output_options() -> list[click.Option]:
    """Make the options that every command takes."""
    return [
        _option("--json", is_flag=True, help="Write JSON to stdout."),
        _option("--verbose", "-v", count=True, help="Say more on stderr; -vv says everything."),
        _option("--quiet", "-q", is_flag=True, help="Say nothing but warnings and errors."),
        _option("--no-color", is_flag=True, help="No colours, not even on a terminal."),
        _option(
            "--log-format",
            type=click.Choice(LOG_FORMATS),
            help="How to write to stderr: as lines for people, or as JSON objects.  [default: text]",
        ),
        _option("--debug", is_flag=True, help="Show tracebacks and the AMQP library's log."),
    ]


def _profile_option() -> click.Option:
    return _option(
        "--profile",
        metavar="NAME",
        shell_complete=profile_names,
        help="Where to connect, by a name from a configuration file.",
    )


def global_options() -> list[click.Option]:
    """Make the options that every command which connects takes."""
    url = _option(
        "--url",
        "-u",
        metavar="URL",
        help="The broker: amqp[s]://user:password@host:port/vhost; several with commas between; or etcd://host/key.",
    )
    management_url = _option(
        "--management-url",
        metavar="URL",
        help="The management API, if not on the broker's host at port 15672.",
    )
    return [url, _profile_option(), management_url, *output_options()]


class Verbatim(click.Command):
    """A command whose epilog is shown as it is: lines to be copied are not to be broken."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the epilog."""
        del ctx
        if self.epilog:
            formatter.write(f"\n{self.epilog}\n")


class Command(Verbatim):
    """A command that connects, and also takes the global options after its name."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params.extend(global_options())


class CommandGroup(click.Group):
    """A group of commands that connect, in the order of their definition; it takes the same options."""

    command_class = Command

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params.extend(global_options())

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands."""
        del ctx
        return list(self.commands)


class OfflineCommand(Verbatim):
    """A command that connects to no broker of the user's choice, so it takes no URL."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params.extend(output_options())


class OfflineGroup(click.Group):
    """A group of offline commands; it takes the same options."""

    command_class = OfflineCommand

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params.extend(output_options())


class ProfiledCommand(OfflineCommand):
    """A command that takes no URL of a broker, but a profile."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params.append(_profile_option())


class ProfiledGroup(OfflineGroup):
    """A group of such commands; it takes the same options."""

    command_class = ProfiledCommand

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params.append(_profile_option())
